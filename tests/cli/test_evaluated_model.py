# SPDX-License-Identifier: Apache-2.0
"""Which predictor the flags of ``leadline evaluate`` mean."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.cli.evaluate import EvaluateArguments
from leadline.cli.evaluated_model import chosen_predictor
from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.evaluation.pair_predictions import SamplePredictor
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.protocols.kitti_eigen import KITTI_EIGEN_MD2
from leadline.inference.predictor import Predictor
from leadline.models.stereo.checkpoint import build_network, save_stereo_model
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from tests.cli.toy import Said, save_toy, say
from tests.evaluation.toys import PairedScenes

PAIRS = ("--dataset", "procedural", "--option", "count=2", "stereo=true", "height=64", "width=96")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = StereoModelConfig(
        pyramid=PyramidConfig(encoder="dinov2-toy"),
        decoder_channels=(8, 8, 16, 16),
        levels=9,
        rig=TrainingRig(baseline_m=0.2, focal_px=90.0, width_px=96.0),
        input_size=(64, 96),
    )
    folder = tmp_path_factory.mktemp("stereo")
    save_stereo_model(folder, build_network(config))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("plain"))


def chosen(model: Path, protocol: Protocol = DEPTH, **flags: object) -> object:
    arguments = EvaluateArguments(model=str(model), dataset="procedural", device="cpu", precision="fp32", **flags)  # type: ignore[arg-type]
    return chosen_predictor(arguments, PairedScenes(), protocol)


def evaluate(capsys: pytest.CaptureFixture[str], model: Path, *words: object) -> Said:
    return say(capsys, "evaluate", model, "--device", "cpu", "--precision", "fp32", *words)


def test_evaluate__judges_a_stereo_network_in_each_mode(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, found = tmp_path / "r.json", {}
    for mode in ("mono", "refined", "stereo"):
        said = evaluate(capsys, network, *PAIRS, "--protocol", "stereo", "--mode", mode, "--json", out)
        assert said.status == 0, said.err
        found[mode] = json.loads(out.read_text())
        assert found[mode]["model"]["mode"] == mode
    assert {"epe_px", "d1", "abs_rel", "abs_rel_scaled", "median_ratio"} <= set(found["stereo"]["metrics"])
    assert found["stereo"]["metrics"]["epe_px"] != found["mono"]["metrics"]["epe_px"]
    assert "│ median_ratio" in said.out
    assert said.out.split("median_ratio")[1].splitlines()[0].rstrip("│ ").endswith("1")


def test_chosen_predictor__sees_samples_where_the_model_is_a_stereo_network(network: Path, plain: Path) -> None:
    unasked = chosen(network)
    assert isinstance(unasked, SamplePredictor)
    assert unasked.description["mode"] == "refined"
    assert unasked.needs == frozenset()
    both = chosen(network, mode="stereo", post_processing="flip")
    assert isinstance(both, SamplePredictor)
    assert both.needs == {Field.STEREO}
    assert both.description["post_processing"] == "flip"
    assert isinstance(chosen(plain), Predictor)


def test_chosen_predictor__leaves_resizing_to_protocols_that_say_in_which_space(network: Path) -> None:
    sample = PairedScenes(height=100, width=150)[0]
    for protocol, size in ((DEPTH, (100, 150)), (KITTI_EIGEN_MD2, (64, 96))):
        predictor = chosen(network, protocol)
        assert isinstance(predictor, SamplePredictor)
        assert predictor.predict_samples([sample])[0].values.shape == size


def test_evaluate__refuses_what_a_mode_cannot_go_with(
    network: Path, plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (("--mode", "stereo", "--tta", "flip"), "expected --tta none with --mode; got another; say --post-processing flip"),
        (("--mode", "mono", "--runtime", "onnx"), "expected --runtime torch with --mode"),
        (("--post-processing", "flip", "--architecture", "x"), "expected no --architecture with --post-processing"),
    ):
        assert said in evaluate(capsys, network, *PAIRS, *words).mistake()
    for flag, value in (("--mode", "refined"), ("--post-processing", "blend")):
        assert "another kind of model; leave both out" in evaluate(capsys, plain, *PAIRS, flag, value).mistake()
    alone = ("--dataset", "procedural", "--option", "count=1", "height=64", "width=96", "--mode", "stereo")
    assert "two eyes; got 'procedural', which has none" in evaluate(capsys, network, *alone).mistake()


def test_chosen_predictor__takes_the_plain_surface_for_another_runtime_and_for_flips(network: Path) -> None:
    assert not isinstance(chosen(network, replace(DEPTH, tta="flip")), SamplePredictor)


def test_chosen_predictor__refuses_modes_of_a_network_without_levels_and_takes_its_one_path(tmp_path: Path) -> None:
    config = StereoModelConfig(
        pyramid=PyramidConfig(encoder="dinov2-toy"), decoder="sigmoid", matching=False, refined=False, monocular="raw"
    )
    save_stereo_model(tmp_path, build_network(config))
    with pytest.raises(UsageError, match="another kind of model"):
        chosen(tmp_path, mode="stereo")
    assert isinstance(chosen(tmp_path), Predictor)
