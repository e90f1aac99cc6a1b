# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.inference.predictor import load
from leadline.labelling.labeller import Labeller
from leadline.models.head_config import MetricBinsHeadConfig, RelativeHeadConfig
from leadline.transforms.resampling import resize_prediction
from tests.cli.toy import save_toy
from tests.labelling.toys import request_for


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model") / "toy", RelativeHeadConfig())


@pytest.fixture(autouse=True)
def _threads() -> object:
    before = torch.get_num_threads()
    yield None
    torch.set_num_threads(before)


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((40, 60), (50, 30), (40, 60))]


def test_labeller__network_size_brought_to_the_pictures_is_what_predict_answers(toy: Path, tmp_path: Path) -> None:
    request = request_for(tmp_path / "p", tmp_path / "out", model=str(toy))
    predictor = load(toy, device="cpu", precision="fp32", input_size=28)
    maps = Labeller(request).label(pictures())
    assert [one.values.shape for one in maps] == [(28, 42), (42, 28), (28, 42)]
    for picture, one in zip(pictures(), maps, strict=True):
        expected = predictor.predict(picture).values
        restored = resize_prediction(torch.from_numpy(one.values), *expected.shape).numpy()
        assert np.allclose(restored, expected, atol=1e-6)


def test_labeller__picture_size_is_what_predict_answers(toy: Path, tmp_path: Path) -> None:
    request = request_for(tmp_path / "p", tmp_path / "out", model=str(toy), store="picture")
    maps = Labeller(request).label(pictures()[:1])
    assert np.array_equal(
        maps[0].values, load(toy, device="cpu", precision="fp32", input_size=28).predict(pictures()[0]).values
    )


@pytest.mark.parametrize("store", ["network", "picture"])
def test_labeller__flip_is_even_in_mirroring(toy: Path, tmp_path: Path, store: str) -> None:
    request = request_for(tmp_path / "p", tmp_path / "out", model=str(toy), tta="flip", store=store)
    one, mirrored = Labeller(request).label([pictures()[0], np.ascontiguousarray(pictures()[0][:, ::-1])])
    plain = Labeller(replace(request, tta="none")).label([pictures()[0]])[0]
    assert not np.array_equal(one.values, plain.values)
    spread = float(np.ptp(one.values))
    assert np.abs(one.values - mirrored.values[:, ::-1]).max() < 0.5 * spread


def test_labeller__knows_its_facts_and_two_models_apart(toy: Path, tmp_path: Path) -> None:
    request = request_for(tmp_path / "p", tmp_path / "out", model=str(toy))
    facts = Labeller(request).facts()
    assert facts.kind is DepthKind.AFFINE_DISPARITY
    assert (facts.settings["input_size"], facts.settings["precision"], facts.settings["device"]) == (28, "fp32", "cpu")
    assert Labeller(request).facts() == facts
    other = save_toy(tmp_path / "other", MetricBinsHeadConfig())
    assert Labeller(replace(request, model=str(other))).facts().weights_sha256 != facts.weights_sha256


def test_labeller__bins_bring_their_confidence_at_the_same_size(tmp_path: Path) -> None:
    model = save_toy(tmp_path / "bins", MetricBinsHeadConfig())
    one = Labeller(request_for(tmp_path / "p", tmp_path / "out", model=str(model))).label(pictures()[:1])[0]
    assert one.confidence is not None
    assert one.confidence.shape == one.values.shape
    assert 0 <= one.confidence.min() <= one.confidence.max() <= 1


def test_labeller__uses_the_threads_that_were_asked_for(toy: Path, tmp_path: Path) -> None:
    Labeller(request_for(tmp_path / "p", tmp_path / "out", model=str(toy), threads=2))
    assert torch.get_num_threads() == 2


def test_labeller__refuses_a_picture_that_the_network_cannot_hold(toy: Path, tmp_path: Path) -> None:
    labeller = Labeller(request_for(tmp_path / "p", tmp_path / "out", model=str(toy)))
    with pytest.raises(DataError, match="1x30000"):
        labeller.check_size(np.zeros((1, 30000, 3), np.uint8))
