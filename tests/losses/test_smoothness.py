# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.losses.smoothness import first_order_smoothness, mean_normalised, second_order_smoothness
from tests.peer_tensors import peer_tensors


def example(*, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    disparity_px = 9 * torch.rand(2, 5, 6, generator=generator, dtype=dtype)
    return disparity_px, torch.rand(2, 3, 5, 6, generator=generator, dtype=dtype)


def test_second_order__agrees_with_the_released_one() -> None:
    stored = peer_tensors("tio_losses")
    disparity_px = stored["disp_a"].requires_grad_()
    found = second_order_smoothness(disparity_px=disparity_px, image=stored["img_a"])
    torch.testing.assert_close(found, stored["smooth_stage.map"], rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(found.mean(), stored["smooth_stage.mean"][0], rtol=1e-4, atol=0)
    (gradient,) = torch.autograd.grad(found.mean(), disparity_px)
    torch.testing.assert_close(gradient, stored["smooth_stage.grad"], rtol=1e-3, atol=1e-6)


def test_second_order__of_relative_disparity_agrees_with_the_released_one() -> None:
    stored = peer_tensors("tio_losses")
    disparity_px = stored["disp_a"].requires_grad_()
    found = second_order_smoothness(disparity_px=mean_normalised(disparity_px), image=stored["img_a"])
    torch.testing.assert_close(found, stored["smooth_relative.map"], rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(found.mean(), disparity_px)
    torch.testing.assert_close(gradient, stored["smooth_relative.grad"], rtol=1e-3, atol=1e-6)


def test_second_order__of_the_stages_agrees_with_the_released_one() -> None:
    stages, levels_px = peer_tensors("tio_stages"), exponential_levels()
    mono_px = expected_disparity(stages["in.mono_logits_o"].softmax(dim=1), levels_px)
    stereo_px = expected_disparity(stages["in.stereo_logits_s"].softmax(dim=1), levels_px)
    mono = second_order_smoothness(disparity_px=mono_px, image=stages["in.color_o"])
    stereo = second_order_smoothness(disparity_px=stereo_px, image=stages["in.color_s"])
    for side in ("left", "right"):
        torch.testing.assert_close(mono, stages[f"{side}.stage1.Mono_smooth_map"], rtol=0, atol=1e-3)
        torch.testing.assert_close(mono.mean(), stages[f"{side}.stage1.Mono_smooth"][0], rtol=1e-3, atol=0)
        torch.testing.assert_close(stereo, stages[f"{side}.stage2.Stereo_smooth_map"], rtol=0, atol=1e-3)


def test_first_order__agrees_with_monodepth2() -> None:
    stored = peer_tensors("monodepth2")
    disparity = (1 / 100 + (1 / 0.1 - 1 / 100) * stored["sigmoid"]).requires_grad_()
    candidates = {"scaled": disparity, "sigmoid": stored["sigmoid"].requires_grad_()}
    close = [
        name
        for name, values in candidates.items()
        if torch.isclose(
            first_order_smoothness(disparity=values, image=stored["img_a"]).mean(), stored["smooth.raw"][0], rtol=1e-4
        )
    ]
    assert close == ["sigmoid"]
    for key, form in (("raw", lambda values: values), ("mean_normalised", mean_normalised)):
        loss = first_order_smoothness(disparity=form(stored["sigmoid"]), image=stored["img_a"]).mean()
        (gradient,) = torch.autograd.grad(loss, stored["sigmoid"])
        torch.testing.assert_close(loss, stored[f"smooth.{key}"][0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(gradient.flatten(), stored[f"smooth.{key}.grad"].flatten(), rtol=1e-4, atol=1e-6)


def test_smoothness__of_a_constant_is_zero() -> None:
    disparity_px, image = torch.full((2, 5, 6), 7.0), example()[1]
    assert second_order_smoothness(disparity_px=disparity_px, image=image).max() == 0
    assert first_order_smoothness(disparity=disparity_px, image=image).max() == 0


def test_smoothness__forgives_a_step_where_the_picture_has_an_edge() -> None:
    disparity_px = torch.zeros(1, 4, 8)
    disparity_px[..., 4:] = 5
    plain, edged = torch.zeros(1, 3, 4, 8), torch.zeros(1, 3, 4, 8)
    edged[..., 4:] = 1
    for image, least, greatest in ((plain, 10.0, 10.0), (edged, 1.0, 1.5)):
        columns = second_order_smoothness(disparity_px=disparity_px, image=image)[0, 0]
        assert least <= columns.sum().item() <= greatest
        assert columns.nonzero().flatten().tolist() == [3, 4]
    by_gamma = [first_order_smoothness(disparity=disparity_px, image=edged, gamma=gamma).item() for gamma in (0.0, 1.0)]
    assert by_gamma[1] == pytest.approx(by_gamma[0] / torch.e)


def test_first_order__is_the_mean_of_each_image_and_direction() -> None:
    ramp = torch.arange(4.0).expand(2, 3, 4) * torch.tensor([1.0, 2.0])[:, None, None]
    found = first_order_smoothness(disparity=ramp, image=torch.zeros(2, 3, 3, 4))
    assert found.tolist() == [1, 2]
    torch.testing.assert_close(first_order_smoothness(disparity=ramp.mT, image=torch.zeros(2, 3, 4, 3)), found)


def test_mean_normalised__knows_no_scale() -> None:
    disparity_px = example()[0]
    torch.testing.assert_close(mean_normalised(50 * disparity_px), mean_normalised(disparity_px))
    torch.testing.assert_close(mean_normalised(disparity_px).mean(dim=(1, 2)), torch.ones(2))


def test_smoothness__has_the_right_gradient() -> None:
    disparity_px, image = example(dtype=torch.float64)
    leaf = disparity_px.requires_grad_()
    assert torch.autograd.gradcheck(lambda one: second_order_smoothness(disparity_px=one, image=image), leaf)
    assert torch.autograd.gradcheck(lambda one: first_order_smoothness(disparity=mean_normalised(one), image=image), leaf)


def test_smoothness__refuses_another_size() -> None:
    disparity_px, image = example()
    with pytest.raises(ContractError, match="disparity_px and image of one batch and size"):
        second_order_smoothness(disparity_px=disparity_px, image=image[..., :-1])
    with pytest.raises(ContractError, match="disparity and image of one batch and size"):
        first_order_smoothness(disparity=disparity_px, image=image[:1])
