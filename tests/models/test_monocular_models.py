# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

import leadline
from leadline.contracts.errors import UsageError, WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.monocular_models import load_monocular_model
from leadline.models.stereo.checkpoint import build_network, save_stereo_model
from leadline.models.stereo.monocular import MonocularPath
from leadline.models.weights import initialise_from, load_model, save_model
from tests.models.stereo.tio_fixture import TOY


def stereo_folder(folder: Path) -> Path:
    save_stereo_model(folder / "stereo", build_network(TOY))
    return folder / "stereo"


def test_load__gives_either_family(tmp_path: Path) -> None:
    save_model(tmp_path / "depth", DepthModel(DepthModelConfig(encoder="dinov2-toy")))
    assert isinstance(load_monocular_model(tmp_path / "depth"), DepthModel)
    stereo = load_monocular_model(stereo_folder(tmp_path))
    assert isinstance(stereo, MonocularPath)
    assert not stereo.training
    assert isinstance(load_monocular_model("random:depth-anything-v2-small"), DepthModel)


def test_load__refuses_an_architecture_beside_a_stereo_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="knows its own"):
        load_monocular_model(stereo_folder(tmp_path), architecture="depth-anything-v2-small")


def test_load__of_what_is_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="check the path"):
        load_monocular_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"a folder with model.json"):
        load_monocular_model(tmp_path / "empty")


def test_public_load__predicts_with_a_stereo_network(tmp_path: Path) -> None:
    predictor = leadline.load(stereo_folder(tmp_path), device="cpu", precision="fp32")
    assert isinstance(predictor.model, MonocularPath)
    assert predictor.description["architecture"]["family"] == "stereo"


def test_stereo_network__is_refused_where_a_depth_model_is_needed(tmp_path: Path) -> None:
    folder = stereo_folder(tmp_path)
    with pytest.raises(WeightsError, match=r"expected a depth model.*got a stereo network"):
        load_model(folder)
    with pytest.raises(WeightsError, match=r"expected a depth model.*got a stereo network"):
        initialise_from(DepthModel(DepthModelConfig(encoder="dinov2-toy")), folder)
