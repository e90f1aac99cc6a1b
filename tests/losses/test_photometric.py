# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.geometry.visibility import Side, visible
from leadline.geometry.warp import in_view, warp_by_disparity
from leadline.losses.maps import masked_mean
from leadline.losses.photometric import l1_difference, photometric_difference, ssim_difference
from tests.peer_tensors import peer_tensors


def pictures(*, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    one, other = torch.rand(2, 2, 3, 5, 6, generator=generator, dtype=dtype).unbind()
    return one, other


def test_photometric__agrees_with_tio_depth() -> None:
    stored = peer_tensors("tio_losses")
    image, target = stored["img_a"].requires_grad_(), stored["img_b"]
    torch.testing.assert_close(l1_difference(image=image, target=target), stored["photo_l1.map"], rtol=0, atol=1e-6)
    found = photometric_difference(image=image, target=target)
    torch.testing.assert_close(found, stored["photo_ssim15_85.map"], rtol=0, atol=1e-4)
    torch.testing.assert_close(found.mean(), stored["photo_ssim15_85.mean"][0], rtol=1e-4, atol=0)
    (gradient,) = torch.autograd.grad(found.mean(), image)
    torch.testing.assert_close(gradient, stored["photo_ssim15_85.grad"], rtol=1e-3, atol=1e-6)


def test_ssim__agrees_with_monodepth2() -> None:
    stored = peer_tensors("monodepth2")
    image = stored["img_a"].requires_grad_()
    found = ssim_difference(image=image, target=stored["img_b"])
    torch.testing.assert_close(found, stored["ssim.map"].mean(dim=1), rtol=0, atol=1e-5)
    (gradient,) = torch.autograd.grad(found.mean(), image)
    torch.testing.assert_close(gradient, stored["ssim.grad_a"], rtol=1e-4, atol=1e-6)


def test_ssim__of_two_constants_is_known() -> None:
    a, b = 0.3, 0.7
    found = ssim_difference(image=torch.full((1, 3, 5, 5), a), target=torch.full((1, 3, 5, 5), b))
    wanted = (1 - (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)) / 2
    torch.testing.assert_close(found, torch.full((1, 5, 5), wanted), rtol=0, atol=1e-5)
    torch.testing.assert_close(found, peer_tensors("monodepth2")["ssim.flat"], rtol=0, atol=1e-5)


def test_ssim__of_a_picture_with_its_negative_is_not_above_one() -> None:
    one = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(2))
    assert ssim_difference(image=one, target=1 - one).max() <= 1


@pytest.mark.parametrize("ssim_weight", [0.0, 0.85, 1.0])
def test_photometric__is_zero_for_itself_and_symmetric(ssim_weight: float) -> None:
    one, other = pictures()
    assert photometric_difference(image=one, target=one, ssim_weight=ssim_weight).abs().max() < 1e-6
    torch.testing.assert_close(
        photometric_difference(image=one, target=other, ssim_weight=ssim_weight),
        photometric_difference(image=other, target=one, ssim_weight=ssim_weight),
    )


def test_photometric__weighs_its_two_parts() -> None:
    one, other = pictures()
    ssim, absolute = ssim_difference(image=one, target=other), l1_difference(image=one, target=other)
    found = photometric_difference(image=one, target=other, ssim_weight=0.25)
    torch.testing.assert_close(found, 0.25 * ssim + 0.75 * absolute)
    torch.testing.assert_close(photometric_difference(image=one, target=other, ssim_weight=0), absolute)


def test_photometric__has_the_right_gradient() -> None:
    one, other = pictures(dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda image, target: photometric_difference(image=image, target=target),
        (one.requires_grad_(), other.requires_grad_()),
    )


def test_photometric__is_computed_in_full_precision() -> None:
    one, other = pictures()
    assert photometric_difference(image=one.bfloat16(), target=other.bfloat16()).dtype == torch.float32


def test_photometric__tells_a_right_disparity_from_one_a_pixel_off() -> None:
    wall = torch.rand(1, 3, 24, 80, generator=torch.Generator().manual_seed(3))
    left, right = wall[..., :73], wall[..., 7:]

    def in_view_loss(shift_px: float) -> float:
        disparity_px = torch.full((1, 24, 73), shift_px)
        seen = warp_by_disparity(right, disparity_px, direction=1)
        inner = in_view(disparity_px, direction=1)
        inner[..., :10] = False
        return masked_mean(photometric_difference(image=seen, target=left), inner, over="valid").item()

    assert in_view_loss(7) < 1e-4
    assert in_view_loss(8) > 10 * max(in_view_loss(7), 1e-3)


def test_photometric__refuses_what_does_not_fit() -> None:
    one, other = pictures()
    with pytest.raises(ContractError, match=r"two pictures.*of one shape; got image"):
        photometric_difference(image=one, target=other[..., :-1])
    with pytest.raises(ContractError, match="two pictures"):
        l1_difference(image=one[0], target=other[0])
    with pytest.raises(ContractError, match=r"ssim_weight in \[0, 1\]; got 1.5"):
        photometric_difference(image=one, target=other, ssim_weight=1.5)
    with pytest.raises(ContractError, match="at least 2x2"):
        ssim_difference(image=one[:, :, :1], target=other[:, :, :1])


@pytest.mark.parametrize("side", ["left", "right"])
def test_photometric__of_the_stereo_stage_agrees_with_the_released_one(side: Side) -> None:
    stages, direction = peer_tensors("tio_stages"), 1 if side == "left" else -1
    stereo_px, mono_px = (
        expected_disparity(stages[f"in.{name}_logits_s"].softmax(dim=1), exponential_levels()) for name in ("stereo", "mono")
    )
    made, guess = (warp_by_disparity(stages["in.color_o"], each, direction=direction) for each in (stereo_px, mono_px))
    seen = visible(mono_px, side) & stages[f"{side}.stage2.edge_mask_s"].bool()
    target = torch.where(seen[:, None], stages["in.color_s"], guess)
    torch.testing.assert_close(target, stages[f"{side}.stage2.fused_occ_color_s"], rtol=0, atol=1e-4)
    found = photometric_difference(image=made, target=target)
    torch.testing.assert_close(found, stages[f"{side}.stage2.Stereo_photo_map"], rtol=0, atol=1e-3)
    torch.testing.assert_close(found.mean(), stages[f"{side}.stage2.Stereo_photo"][0], rtol=1e-3, atol=0)
