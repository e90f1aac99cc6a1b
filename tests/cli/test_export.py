# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.cli.export import ExportArguments, parse_size
from leadline.cli.main import VERBS, main
from leadline.contracts.errors import UsageError
from leadline.models.calibration import Calibration, CalibrationEvidence
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.weight_files import read_tensors
from leadline.models.weight_names import translate
from leadline.models.weights import load_model, save_model


def test_parse_size__is_height_by_width() -> None:
    assert parse_size("480x640") == (480, 640)
    assert parse_size(None) is None


@pytest.mark.parametrize("text", ["480", "480x", "0x640", "480X640", "-1x4", "480x640x3", "४x५"])
def test_parse_size__refuses_anything_else(text: str) -> None:
    with pytest.raises(UsageError, match="--static HEIGHTxWIDTH"):
        parse_size(text)


def test_export__is_a_verb() -> None:
    assert VERBS["export"][0] == "leadline.cli.export"
    assert ExportArguments.__doc__


def test_export__answers_a_mistake_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "random:depth-anything-v2-small", "--to", "onnx", "--out", "a.onnx", "--static", "big"]) == 2
    said = capsys.readouterr()
    assert "--static HEIGHTxWIDTH" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(("layout", "name"), [("official", "toy.safetensors"), ("official", "toy.pth"), ("leadline", "toy")])
def test_export__writes_weights_exactly_as_they_are(tmp_path: Path, layout: str, name: str) -> None:
    torch.manual_seed(0)
    model = DepthModel(DepthModelConfig(encoder="dinov2-toy"))
    save_model(tmp_path / "run", model)
    assert main(["export", str(tmp_path / "run"), "--to", layout, "--out", str(tmp_path / name)]) == 0
    written = tmp_path / name
    found = load_model(written).state_dict() if layout == "leadline" else translate(read_tensors(written))
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(value, found[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("flag", [["--static", "28x28"], ["--precision", "fp16"], ["--verify-on", "."]])
def test_export__a_flag_of_graphs_is_refused_beside_weights(
    tmp_path: Path, flag: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["export", "random:depth-anything-v2-small", "--to", "official", "--out", str(tmp_path / "a.pth")]
    assert main([*given, *flag]) == 2
    assert f"expected --to onnx or openvino beside {flag[0]}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_export__a_calibrated_model_has_no_place_in_other_layouts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    evidence = CalibrationEvidence(source="a.csv", pictures=1, points=3, nearest_m=1, median_m=2, farthest_m=3)
    calibration = Calibration(space="disparity", scale=0.5, shift=0.1, max_depth_m=20.0, evidence=evidence)
    save_model(tmp_path / "run", DepthModel(DepthModelConfig(encoder="dinov2-toy", calibration=calibration)))
    assert main(["export", str(tmp_path / "run"), "--to", "official", "--out", str(tmp_path / "a.safetensors")]) == 2
    assert main(["export", str(tmp_path / "run"), "--to", "leadline", "--out", str(tmp_path / "b")]) == 0
    assert load_model(tmp_path / "b").config.calibration == calibration
