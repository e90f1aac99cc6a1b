# SPDX-License-Identifier: Apache-2.0
"""Networks of ``transformers`` with random weights, read by our names, must give the same depth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.encoder_sizes import BEIT_SIZES, BeitSize
from leadline.models.hugging_face_config import hugging_face_config
from leadline.models.weight_names import translate
from tests.models.hugging_face import KITTI, NYU, depth_anything, zoedepth


def ours(peer: Any) -> DepthModel:
    config: DepthModelConfig = replace(hugging_face_config(peer.config.to_dict()), position_rule="size")
    model = DepthModel(config)
    model.load_state_dict(translate(peer.state_dict()))
    return model.eval()


def relative_error(peer: Any, size: tuple[int, int]) -> Tensor:
    """Of every pixel, as a share of the largest depth; the depth itself must not be flat."""
    torch.manual_seed(1)
    image = torch.randn(1, 3, *size)
    with torch.inference_mode():
        wanted = peer(pixel_values=image).predicted_depth
        got = ours(peer)(image)
    largest = wanted.abs().max()
    assert wanted.std() > 0.01 * largest
    error: Tensor = (got - wanted).abs() / largest
    return error


@pytest.mark.parametrize("size", [(98, 126), (518, 518)])
@pytest.mark.parametrize("options", [{}, {"depth_estimation_type": "metric", "max_depth": 20}])
def test_depth_anything__gives_the_depth_of_transformers(options: dict[str, Any], size: tuple[int, int]) -> None:
    assert relative_error(depth_anything(**options), size).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["vits", "vitb"])
def test_depth_anything__of_the_published_sizes_gives_the_depth_of_transformers(encoder: str) -> None:
    assert relative_error(depth_anything(encoder), (252, 336)).max() < 1e-4


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
@pytest.mark.parametrize("centers", ["softplus", "normed"])
@pytest.mark.parametrize("bins", [[NYU], [NYU, KITTI]], ids=["one head", "two heads"])
def test_zoedepth__gives_the_depth_of_transformers(bins: list[dict[str, Any]], centers: str, size: tuple[int, int]) -> None:
    assert relative_error(zoedepth(bins, bin_centers_type=centers, min_temp=1.0), size).max() < 1e-4


@pytest.mark.parametrize("bins", [[NYU], [NYU, KITTI]], ids=["one head", "two heads"])
def test_zoedepth__of_the_released_temperature_gives_the_depth_of_transformers(bins: list[dict[str, Any]]) -> None:
    error = relative_error(zoedepth(bins), (96, 160))
    assert error.mean() < 1e-5
    assert (error < 1e-4).float().mean() > 0.999
    assert error.max() < 2e-3  # 1 / 0.0212 amplifies the rounding of either side (fixtures/README, zoe_head)


def test_beit__of_the_published_depth_heads_and_grid_is_transformers_to_the_last_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow = BeitSize(
        dim=64, depth=24, heads=16, taps=(5, 11, 17, 23), features=16, channels=(8, 12, 16, 24), native_grid=24
    )
    monkeypatch.setitem(BEIT_SIZES, "beit-toy", narrow)
    peer = zoedepth([NYU]).double()
    model = ours(peer).double()
    image = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.inference_mode():
        wanted, got = peer.backbone(image).feature_maps, model.encoder(image)
    for theirs, one, token in zip(wanted, got.maps, got.prefix, strict=True):
        torch.testing.assert_close(theirs[:, 1:].unflatten(1, (4, 6)).permute(0, 3, 1, 2), one, atol=1e-10, rtol=0)
        torch.testing.assert_close(theirs[:, :1], token, atol=1e-10, rtol=0)


def in_double(peer: Any, config: DepthModelConfig) -> tuple[Any, DepthModel]:
    """Both in float64, the peer's binomial constants too: made of whole numbers, they stay in float32 by themselves."""
    model = DepthModel(config)
    model.load_state_dict(translate(peer.state_dict()))
    double = peer.double()
    for module in double.modules():
        if type(module).__name__ == "LogBinomialSoftmax":
            module.k_idx, module.k_minus_1 = module.k_idx.double(), module.k_minus_1.double()
    return double, model.eval().double()


def cold(peer: Any) -> Any:
    """The same network with the lowest temperature everywhere, at which rounding is amplified most."""
    with torch.no_grad():
        for name, layer in peer.named_modules():
            if name.endswith("mlp.2") and "conditional_log_binomial" in name:
                layer.weight[2:] = 0
                layer.bias[2], layer.bias[3] = -20, 5
    return peer


@pytest.mark.parametrize("bins", [[NYU], [NYU, KITTI]], ids=["one head", "two heads"])
def test_zoedepth__in_double_precision_is_transformers_even_at_the_lowest_temperature(bins: list[dict[str, Any]]) -> None:
    peer = cold(zoedepth(bins))
    peer, model = in_double(peer, hugging_face_config(peer.config.to_dict()))
    image = torch.randn(1, 3, 96, 160, dtype=torch.float64)
    with torch.inference_mode():
        wanted, got = peer(pixel_values=image).predicted_depth, model(image)
    assert (got - wanted).abs().max() < 1e-9 * wanted.max()


def test_zoedepth__low_temperatures_amplify_the_rounding_of_either_side_alike() -> None:
    peer = cold(zoedepth([NYU]))
    config = hugging_face_config(peer.config.to_dict())
    model, image = ours(peer), torch.randn(1, 3, 96, 160)
    with torch.inference_mode():
        theirs, single = peer(pixel_values=image).predicted_depth, model(image)
        relative = model.taps(image).relative
        peer, exact = in_double(peer, config)
        truth, exact_relative = exact(image.double()), exact.taps(image.double()).relative
    before = (relative - exact_relative).abs().max() / exact_relative.abs().max()
    ours_off, theirs_off = ((one - truth).abs() / truth.max() for one in (single, theirs))
    assert before < 1e-5
    assert 10 * before < max(ours_off.max(), theirs_off.max())
    assert ours_off.mean() < 1e-5
    assert ours_off.mean() < 10 * theirs_off.mean()


@pytest.mark.slow
def test_zoedepth__of_the_published_width_in_double_precision_is_transformers() -> None:
    peer = zoedepth([NYU, KITTI], "beitl")
    peer, model = in_double(peer, hugging_face_config(peer.config.to_dict()))
    image = torch.randn(1, 3, 96, 128, dtype=torch.float64)
    with torch.inference_mode():
        wanted, got = peer(pixel_values=image).predicted_depth, model(image)
    assert (got - wanted).abs().max() < 1e-9 * wanted.max()
