# SPDX-License-Identifier: Apache-2.0
"""A model ready for use."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.inference.predictor import DINOV2_SIDE_PX, OTHER_SIDE_PX, Predictor, default_preprocessing, load
from leadline.inference.preprocess import network_size
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel, DepthOutput
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, RelativeHeadConfig, SigmoidHeadConfig
from leadline.models.normalisation import IMAGENET
from leadline.models.weights import initialise_from, save_model
from tests.reference_photo import photo
from tests.shared_paths import shared


def toy(head: HeadConfig | None = None) -> DepthModel:
    torch.manual_seed(0)
    return DepthModel(DepthModelConfig(encoder="dinov2-toy", head=head or RelativeHeadConfig()))


def toy_predictor(head: HeadConfig | None = None) -> Predictor:
    return Predictor(toy(head), device="cpu", precision="fp32", input_size=70)


class Echo(nn.Module):
    """Stands in for a model: its depth is a channel of what it is shown, so that sizes and order can be checked exactly."""

    size_multiple = 14
    normalisation = IMAGENET
    config = DepthModelConfig(encoder="dinov2-toy")

    def __init__(self, kind: DepthKind = DepthKind.METRIC) -> None:
        super().__init__()
        self.kind = kind
        self.seen: list[tuple[int, ...]] = []
        self.autocast: list[bool] = []
        self.inference: list[bool] = []

    def predict_full(self, image_B3HW: Tensor) -> DepthOutput:
        self.seen.append(tuple(image_B3HW.shape))
        self.autocast.append(torch.is_autocast_enabled("cpu"))
        self.inference.append(torch.is_inference_mode_enabled())
        return DepthOutput(depth=image_B3HW[:, 0] * IMAGENET.std[0] + IMAGENET.mean[0])


def echo_predictor(kind: DepthKind = DepthKind.METRIC, precision: str = "fp32") -> tuple[Predictor, Echo]:
    echo = Echo(kind)
    return Predictor(cast("DepthModel", echo), device="cpu", precision=precision, input_size=28), echo


def reds(height: int, width: int, level: int) -> NDArray[np.uint8]:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = level
    return picture


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "seed", "side"),
    [((480, 640), 201, 518), ((375, 1242), 202, 518), ((300, 400), 203, 518), ((300, 400), 203, 252)],
)
def test_predict__equals_the_official_infer_image(size: tuple[int, int], seed: int, side: int) -> None:
    check_against_infer_image(size, seed, side)


def test_predict__equals_the_official_infer_image_at_a_small_size() -> None:
    check_against_infer_image((300, 400), 203, 252)


def check_against_infer_image(size: tuple[int, int], seed: int, side: int) -> None:
    weights, name = shared("weights/depth_anything_v2_small_partial.npz"), f"{size[0]}x{size[1]}@{side}"
    model = DepthModel(DepthModelConfig(encoder="vits"))
    nn.init.zeros_(model.get_parameter("decoder.resize_layers.3.weight"))  # the one kernel the references ran without
    initialise_from(model, weights, version="v2")
    predictor = Predictor(model, device="cpu", precision="fp32", input_size=side)
    depth = predictor.predict(photo(*size, seed)[:, :, ::-1])
    with np.load(shared("fixtures/infer_image.npz")) as stored:
        np.testing.assert_allclose(depth.values[::8, ::8], stored[f"{name}.depth_s8"], atol=1e-4, rtol=0)
        np.testing.assert_allclose(depth.values[:6, :6], stored[f"{name}.depth_corner"], atol=1e-4, rtol=0)
    assert depth.kind is DepthKind.AFFINE_DISPARITY
    assert depth.valid.all()


@pytest.mark.parametrize(
    ("head", "kind", "unit"),
    [
        (RelativeHeadConfig(), DepthKind.AFFINE_DISPARITY, None),
        (SigmoidHeadConfig(max_depth_m=20.0), DepthKind.METRIC, "m"),
        (MetricBinsHeadConfig(), DepthKind.METRIC, "m"),
    ],
)
def test_predict__gives_the_pictures_size_and_the_models_claim(head: HeadConfig, kind: DepthKind, unit: str | None) -> None:
    depth = toy_predictor(head).predict(photo(45, 61, 1))
    assert depth.values.shape == depth.valid.shape == (45, 61)
    assert depth.values.dtype == np.float32
    assert depth.valid.dtype == bool
    assert depth.kind is kind
    assert depth.unit == unit
    assert depth.camera is None


def test_predict__has_confidence_where_the_head_has_bins() -> None:
    depth = toy_predictor(MetricBinsHeadConfig()).predict(photo(45, 61, 1))
    assert depth.confidence is not None
    assert depth.confidence.shape == (45, 61)
    assert depth.confidence.dtype == np.float32
    assert depth.confidence.min() >= 0.0
    assert 0.0 < depth.confidence.max() <= 1.0
    assert toy_predictor(SigmoidHeadConfig()).predict(photo(45, 61, 1)).confidence is None
    assert toy_predictor().predict(photo(45, 61, 1)).confidence is None


def test_predict__path_pillow_and_array_give_the_same(tmp_path: Path) -> None:
    picture, predictor = photo(40, 50, 2), toy_predictor()
    Image.fromarray(picture).save(tmp_path / "a.png")
    first, *others = (predictor.predict(x) for x in (tmp_path / "a.png", Image.fromarray(picture), picture))
    for other in others:
        assert (other.values == first.values).all()


def test_predict__turns_pictures_upright_before_it_looks() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(photo(40, 50, 2))
    image.getexif().update(dict(exif))
    turned = toy_predictor().predict(image)
    assert turned.values.shape == (50, 40)
    assert (turned.values == toy_predictor().predict(np.rot90(photo(40, 50, 2), -1)).values).all()


def test_predict__refuses_what_is_no_picture() -> None:
    with pytest.raises(UsageError, match="uint8"):
        toy_predictor().predict(cast("NDArray[np.uint8]", np.zeros((4, 4, 3), np.float32)))


def test_predict_batch__keeps_the_order_of_mixed_sizes_and_batches_equal_ones() -> None:
    predictor, echo = echo_predictor()
    sizes = [(28, 56), (40, 30), (56, 112), (28, 56), (30, 40)]
    depths = predictor.predict_batch([reds(*size, 10 * (i + 1)) for i, size in enumerate(sizes)])
    assert echo.seen == [(3, 3, 28, 56), (1, 3, 42, 28), (1, 3, 28, 42)]
    for index, (depth, size) in enumerate(zip(depths, sizes, strict=True)):
        assert depth.values.shape == size
        np.testing.assert_allclose(depth.values, 10 * (index + 1) / 255, atol=1e-6)


def test_predict_batch__equals_one_at_a_time() -> None:
    predictor, pictures = toy_predictor(MetricBinsHeadConfig()), [photo(40, 50, seed) for seed in (1, 2, 3)]
    for together, picture in zip(predictor.predict_batch(pictures), pictures, strict=True):
        alone = predictor.predict(picture)
        np.testing.assert_allclose(together.values, alone.values, atol=1e-5, rtol=1e-5)
        assert together.confidence is not None
        assert alone.confidence is not None
        np.testing.assert_allclose(together.confidence, alone.confidence, atol=1e-5)


def test_predict_batch__mixed_sizes_give_to_the_last_bit_what_single_calls_give() -> None:
    predictor = toy_predictor(MetricBinsHeadConfig())
    pictures = [photo(*size, seed) for seed, size in enumerate([(40, 50), (61, 45), (45, 61), (61, 40)])]
    sizes = {network_size(picture.shape[0], picture.shape[1], predictor.preprocessing) for picture in pictures}
    assert len(sizes) == 4  # of equal sizes a matrix product over the batch may round the last bit otherwise
    for together, picture in zip(predictor.predict_batch(pictures), pictures, strict=True):
        alone = predictor.predict(picture)
        np.testing.assert_array_equal(together.values, alone.values)
        np.testing.assert_array_equal(together.confidence, alone.confidence)


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1)])
def test_predict__takes_pictures_of_next_to_no_pixels(size: tuple[int, int]) -> None:
    depth = toy_predictor(MetricBinsHeadConfig()).predict(np.full((*size, 3), 90, np.uint8))
    assert depth.values.shape == size
    assert depth.valid.all()


def test_predict__refuses_what_is_far_too_long_and_thin() -> None:
    for size in ((1, 10000), (10000, 1)):
        with pytest.raises(DataError, match=f"{size[0]}x{size[1]}"):
            toy_predictor().predict(np.zeros((*size, 3), np.uint8))


def test_resized__is_the_same_model_at_another_size() -> None:
    predictor = toy_predictor()
    other, picture = predictor.resized(56), photo(40, 50, 1)
    assert other.model is predictor.model
    assert (other.preprocessing.input_size, predictor.preprocessing.input_size) == (56, 70)
    fresh = Predictor(toy(), device="cpu", precision="fp32", input_size=56)
    np.testing.assert_array_equal(other.predict(picture).values, fresh.predict(picture).values)
    with pytest.raises(UsageError, match="at least one pixel"):
        predictor.resized(0)


def test_predict_batch__of_nothing_is_nothing() -> None:
    assert toy_predictor().predict_batch([]) == []


def test_predict__brings_depth_back_with_aligned_corners() -> None:
    predictor, _ = echo_predictor()
    ramp = np.linspace(0, 255, 28).round().astype(np.uint8)
    picture = np.broadcast_to(ramp[None, :, None], (28, 28, 3)).copy()
    enlarged = predictor._map(torch.from_numpy(picture[..., 0] / 255.0), None, (28, 271))
    assert enlarged.values[0, 0] == 0.0
    assert enlarged.values[0, -1] == 1.0
    np.testing.assert_allclose(enlarged.values[0, ::10], ramp / 255, atol=1e-6)  # 271 = 27 * 10 + 1: old pixels are hit


def test_predict__metres_are_valid_where_finite_and_positive() -> None:
    predictor, _ = echo_predictor()
    values = torch.tensor([[1.0, 0.0, -1.0, torch.nan, torch.inf]])
    assert predictor._map(values, None, (1, 5)).valid.tolist() == [[True, False, False, False, False]]


def test_predict__disparity_is_valid_where_finite() -> None:
    predictor, _ = echo_predictor(DepthKind.AFFINE_DISPARITY)
    values = torch.tensor([[1.0, 0.0, torch.nan, torch.inf, 2.0, 3.0]])
    assert predictor._map(values, None, (1, 6)).valid.tolist() == [[True, True, False, False, True, True]]


def test_predict__pixels_of_disparity_are_those_of_the_pictures_width() -> None:
    predictor, _ = echo_predictor(DepthKind.STEREO_DISPARITY)
    enlarged = predictor._map(torch.full((4, 6), 2.0), None, (20, 15))
    assert enlarged.unit == "px"
    np.testing.assert_allclose(enlarged.values, np.full((20, 15), 5.0))


def test_predictor__runs_in_inference_mode_at_the_precision_asked_for() -> None:
    for precision, autocast in (("fp32", False), ("bf16", True)):
        predictor, echo = echo_predictor(precision=precision)
        predictor.predict(reds(28, 28, 1))
        assert echo.autocast == [autocast]
        assert echo.inference == [True]


def test_predictor__in_bf16_stays_near_fp32() -> None:
    picture = photo(70, 84, 4)
    exact = Predictor(toy(SigmoidHeadConfig()), device="cpu", precision="fp32", input_size=70).predict(picture)
    rough = Predictor(toy(SigmoidHeadConfig()), device="cpu", precision="bf16", input_size=70).predict(picture)
    assert rough.values.dtype == np.float32
    np.testing.assert_allclose(rough.values, exact.values, rtol=0.05)
    assert not (rough.values == exact.values).all()


def test_predictor__puts_the_model_into_evaluation_mode() -> None:
    model = toy()
    model.train()
    assert not Predictor(model, device="cpu", precision="fp32").model.training


def test_predictor__gives_arrays_that_can_be_written_and_turned_into_tensors() -> None:
    depth = toy_predictor().predict(photo(28, 28, 1))
    depth.values[0, 0] = 1.0
    torch.from_numpy(depth.values).requires_grad_()


def test_default_preprocessing__is_the_official_one_for_dinov2() -> None:
    settings = default_preprocessing(toy())
    assert (settings.input_size, settings.multiple, settings.interpolation) == (DINOV2_SIDE_PX, 14, "cubic")
    assert settings.keep_aspect


def stand_in(**config: Any) -> DepthModel:
    return cast("DepthModel", SimpleNamespace(config=SimpleNamespace(**config), size_multiple=32))


def test_default_preprocessing__of_other_backbones_and_of_models_that_know_their_training_size() -> None:
    other = default_preprocessing(stand_in(size=None, input_size=None, interpolation="cubic"))
    assert (other.input_size, other.multiple, other.interpolation) == (OTHER_SIDE_PX, 32, "cubic")
    trained = default_preprocessing(stand_in(size=None, input_size=256, interpolation="antialiased"))
    assert (trained.input_size, trained.interpolation) == (256, "antialiased")


def test_default_preprocessing__a_named_size_wins_and_nothing_is_refused() -> None:
    assert default_preprocessing(stand_in(size=None, input_size=256, interpolation="bilinear"), 320).input_size == 320
    with pytest.raises(UsageError, match="at least one pixel"):
        Predictor(toy(), device="cpu", input_size=0)


def test_description__is_json_and_says_what_was_used() -> None:
    predictor = Predictor(toy(SigmoidHeadConfig()), device="cpu", precision="bf16", input_size=70, source="runs/a")
    said = json.loads(json.dumps(predictor.description))
    assert said["model"] == "runs/a"
    assert said["kind"] == "metric"
    assert said["unit"] == "m"
    assert said["precision"] == "bf16"
    assert said["device"] == "cpu"
    assert said["preprocessing"]["input_size"] == 70
    assert said["architecture"]["encoder"] == "dinov2-toy"


def test_load__opens_what_save_model_wrote(tmp_path: Path) -> None:
    model = toy(MetricBinsHeadConfig()).eval()
    save_model(tmp_path / "model", model)
    loaded = load(str(tmp_path / "model"), device="cpu", precision="fp32")
    images = torch.rand(1, 3, 28, 42, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(loaded.model(images), model(images))
    assert loaded.description["model"] == str(tmp_path / "model")
    assert loaded.description["precision"] == "fp32"
    assert loaded.kind is DepthKind.METRIC
    assert load(tmp_path / "model", device="cpu", input_size=84).preprocessing.input_size == 84
