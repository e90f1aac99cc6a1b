# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import leadline.export.export as exporting
from leadline.contracts.errors import ContractError, MissingExtraError, UsageError
from leadline.export.export import ExportSettings, export
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.exported_predictor import ExportedPredictor
from leadline.inference.runtimes.sessions import RuntimeName
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RelativeHeadConfig
from tests.inference.runtimes.test_traced_network import toy
from tests.portable_echo import echo_network
from tests.reference_photo import photo


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Exports write the echo instead of the model, which it does not resemble."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    sizes: list[Any] = []

    def write(_model: DepthModel, file: Path, *, size_px: tuple[int, int] | None = None) -> tuple[str, ...]:
        sizes.append(size_px)
        onnx.save_model(echo_network(), str(file))
        return ("depth",)

    monkeypatch.setattr(exporting, "write_network", write)
    return sizes


def plain(input_size: int = 28) -> Predictor:
    return Predictor(toy(RelativeHeadConfig()), device="cpu", precision="fp32", input_size=input_size)


@pytest.mark.parametrize(("to", "name"), [("onnx", "a.onnx"), ("openvino", "a.xml")])
def test_export__that_is_not_the_model_leaves_nothing(to: RuntimeName, name: str, echo: list[Any], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime" if to == "onnx" else "openvino")
    with pytest.raises(ContractError, match="the file was removed"):
        export(plain(), tmp_path / name, ExportSettings(to=to))
    assert list(tmp_path.iterdir()) == []
    assert echo == [None]


def test_export__an_earlier_file_outlives_one_that_fails(echo: list[Any], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "a.onnx").write_bytes(b"earlier")
    with pytest.raises(ContractError):
        export(plain(), tmp_path / "a.onnx", ExportSettings(to="onnx", size_px=(40, 50)))
    assert (tmp_path / "a.onnx").read_bytes() == b"earlier"
    assert echo == [(28, 28)]


def test_export__refuses_another_ending(tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "openvino"):
        pytest.importorskip(package)
    with pytest.raises(UsageError, match=r"ends in \.xml.*e\.g\. .*a\.xml"):
        export(plain(), tmp_path / "a.onnx", ExportSettings(to="openvino"))


def test_export__without_its_packages_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="leadline"):
        export(plain(), tmp_path / "a.onnx", ExportSettings(to="onnx"))


@pytest.mark.slow
@pytest.mark.parametrize(("to", "name"), [("onnx", "a.onnx"), ("openvino", "a.xml")])
@pytest.mark.parametrize("settings", [{}, {"size_px": (100, 120)}, {"precision": "fp16"}])
def test_export__predicts_by_itself_what_the_model_predicts(
    to: RuntimeName, name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime" if to == "onnx" else "openvino")
    model = Predictor(toy(MetricBinsHeadConfig()), device="cpu", precision="fp32", input_size=70)
    exported = export(model, tmp_path / name, ExportSettings(to=to, **settings))
    said = json.loads(exported.certificate.read_text())
    assert said["max_difference"] <= 1e-3 or settings.get("precision") == "fp16"
    assert said["graph"]["has_confidence"]
    picture = photo(100, 120, 1)
    got, expected = ExportedPredictor(tmp_path / name, to, "fp32").predict(picture), model.predict(picture)
    spread = float(np.ptp(expected.values))
    assert np.abs(got.values - expected.values).mean() <= (2e-3 if "precision" in settings else 1e-5) * spread
    assert got.confidence is not None
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


@pytest.mark.slow
def test_export__a_model_that_knows_its_training_size_is_resized_by_its_loader(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    trained = DepthModel(DepthModelConfig(encoder="dinov2-toy", input_size=56))
    model = Predictor(trained, device="cpu", precision="fp32")
    export(model, tmp_path / "a.onnx", ExportSettings(to="onnx"))
    picture = photo(100, 131, 1)
    got, expected = ExportedPredictor(tmp_path / "a.onnx", "onnx", "fp32").predict(picture), model.predict(picture)
    np.testing.assert_allclose(got.values, expected.values, atol=1e-4 * float(np.ptp(expected.values)))
