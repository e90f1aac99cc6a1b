# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.level_shift import warp_by_level
from leadline.geometry.levels import exponential_levels
from leadline.geometry.visibility import fusion_weight
from leadline.losses.photometric import l1_difference
from leadline.losses.volume import (
    cost_guidance,
    fuse_volumes,
    guide_at,
    peak_mass,
    synthesise,
    volume_distillation,
)
from tests.peer_tensors import peer_tensors

sides = pytest.mark.parametrize("side", ["left", "right"])


def distributions(*, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    one, other = (3 * torch.randn(2, 2, 7, 3, 4, generator=generator, dtype=dtype)).softmax(dim=2).unbind()
    return one, other


def one_hot(level: int, *, levels: int = 49, height: int = 4, width: int = 5) -> Tensor:
    volume = torch.zeros(1, levels, height, width)
    volume[:, level] = 1
    return volume


@sides
def test_synthesise__agrees_with_the_released_one(side: str) -> None:
    stages = peer_tensors("tio_stages")
    made = synthesise(
        logits=stages["in.mono_logits_o"],
        image=stages["in.color_o_aug"],
        levels_px=exponential_levels(),
        direction=1 if side == "left" else -1,
    )
    torch.testing.assert_close(made, stages[f"{side}.stage1.synth_img"], rtol=0, atol=1e-4)
    difference = l1_difference(image=made, target=stages["in.color_s_aug"])
    torch.testing.assert_close(difference, stages[f"{side}.stage1.Mono_photo_discrete_map"], rtol=0, atol=1e-4)
    torch.testing.assert_close(difference.mean(), stages[f"{side}.stage1.Mono_photo_discrete"][0], rtol=1e-4, atol=0)


@pytest.mark.parametrize("direction", [1, -1])
def test_synthesise__from_the_right_level_makes_the_other_view(direction: int) -> None:
    level, levels_px = 15, exponential_levels()
    columns = torch.arange(256.0)

    def wall(shift_px: float) -> Tensor:
        return (0.5 + 0.5 * torch.sin((columns - shift_px) / 9)).expand(1, 3, 4, 256)

    logits, shift_px = 50 * one_hot(level, width=256), levels_px[level].item()
    made = synthesise(logits=logits, image=wall(0), levels_px=levels_px, direction=direction)
    wanted = wall(direction * shift_px)
    inner = slice(20, -20)
    assert (made - wanted)[..., inner].abs().max() < 2e-3  # what is left is linear interpolation of the sine
    wrong = synthesise(logits=logits, image=wall(0), levels_px=levels_px, direction=-direction)
    assert (wrong - wanted)[..., inner].abs().mean() > 0.3


def test_synthesise__takes_pictures_and_logits_of_half_precision() -> None:
    logits, image = torch.randn(1, 3, 4, 6).bfloat16(), torch.rand(1, 3, 4, 6)
    levels_px = torch.tensor([1.0, 2.0, 3.0])
    made = synthesise(logits=logits, image=image, levels_px=levels_px, direction=1)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, synthesise(logits=logits.float(), image=image, levels_px=levels_px, direction=1))


def test_cost_guidance__agrees_with_the_released_one() -> None:
    stored = peer_tensors("tio_losses")
    logits = stored["logits_a"].requires_grad_()
    guide = stored["logits_b"].softmax(dim=1)
    found = cost_guidance(cost_probabilities=logits.softmax(dim=1), guide_probabilities=guide)
    torch.testing.assert_close(found, stored["costloss_guidance.map"], rtol=0, atol=1e-4)
    (gradient,) = torch.autograd.grad(found.mean(), logits)
    torch.testing.assert_close(gradient[:, ::6], stored["costloss_guidance.grad_wrt_logits"], rtol=1e-3, atol=1e-6)


@sides
@pytest.mark.parametrize(("level", "size"), [(3, (2, 10)), (2, (4, 20)), (1, (8, 40))])
def test_cost_guidance__of_the_stages_agrees_with_the_released_one(side: str, level: int, size: tuple[int, int]) -> None:
    stages = peer_tensors("tio_stages")
    guide = guide_at(stages["in.mono_logits_s"].softmax(dim=1), size, parity=True)
    if level > 1:
        torch.testing.assert_close(guide, stages[f"{side}.stage2.mono_pvolume_cost_{level}_s"], rtol=0, atol=1e-5)
    else:
        wanted = stages[f"{side}.stage2.mono_pvolume_cost_1_s_s4"]
        torch.testing.assert_close(guide[..., ::4, ::4], wanted, rtol=0, atol=1e-5)
    cost = stages[f"in.cost_logits_{level}"].softmax(dim=1)
    found = cost_guidance(cost_probabilities=cost, guide_probabilities=guide)
    torch.testing.assert_close(found, stages[f"{side}.stage2.Stereo_cost{level}_map"], rtol=0, atol=1e-4)
    torch.testing.assert_close(found.mean(), stages[f"{side}.stage2.Stereo_cost{level}"][0], rtol=1e-4, atol=0)


def test_cost_guidance__leaves_a_cost_alone_that_is_close_enough() -> None:
    guide = one_hot(2, levels=5)
    close, far = guide.lerp(one_hot(4, levels=5), 0.45), guide.lerp(one_hot(4, levels=5), 0.75)
    assert cost_guidance(cost_probabilities=close, guide_probabilities=guide).max() == 0
    torch.testing.assert_close(cost_guidance(cost_probabilities=far, guide_probabilities=guide), torch.full((1, 4, 5), 1.5))


def test_cost_guidance__never_exceeds_twice_the_confidence_and_teaches_the_cost_only() -> None:
    cost, guide = (one.requires_grad_() for one in distributions())
    found = cost_guidance(cost_probabilities=cost, guide_probabilities=guide)
    assert (found <= 2 * peak_mass(guide) + 1e-6).all()
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert guide.grad is None
    assert cost.grad is not None


def test_peak_mass__is_one_when_sure_and_three_levels_of_many_when_not() -> None:
    for level in (0, 20, 48):
        assert torch.equal(peak_mass(one_hot(level)), torch.ones(1, 4, 5))
    even = torch.full((1, 49, 1, 1), 1 / 49)
    assert peak_mass(even + 1e-4 * one_hot(20, height=1, width=1)).item() == pytest.approx(3 / 49, abs=1e-3)
    assert peak_mass(even + 1e-4 * one_hot(0, height=1, width=1)).item() == pytest.approx(2 / 49, abs=1e-3)
    assert peak_mass(even + 1e-4 * one_hot(48, height=1, width=1)).item() == pytest.approx(2 / 49, abs=1e-3)


@pytest.mark.parametrize("size", [(4, 5), (3, 8), (16, 20), (1, 1), (7, 9)])
def test_guide_at__keeps_each_pixel_a_distribution(size: tuple[int, int]) -> None:
    volume = torch.randn(1, 7, 16, 20, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    guide = guide_at(volume, size)
    assert guide.shape == (1, 7, *size)
    assert guide.min() >= 0
    torch.testing.assert_close(guide.sum(dim=1), torch.ones(1, *size))


def test_guide_at__weighs_every_pixel_that_it_shrinks() -> None:
    volume = torch.zeros(1, 1, 32, 32)
    volume[..., 1::4] = 1
    whole, quarter = guide_at(volume, (32, 32)), guide_at(volume, (8, 8))
    assert torch.equal(whole, volume)
    torch.testing.assert_close(quarter, torch.full((1, 1, 8, 8), 0.25), rtol=0, atol=0.1)
    assert (guide_at(volume, (8, 8), parity=True) - 0.25).abs().max() > 0.2


def test_guide_at__says_when_halving_cannot_reach_a_size() -> None:
    with pytest.raises(ContractError, match="3x5 as 16x20 halved some times; got 2x2"):
        guide_at(torch.zeros(1, 7, 16, 20), (3, 5), parity=True)


def test_fuse_volumes__is_one_or_the_other_or_between() -> None:
    stereo, mono = (one.requires_grad_() for one in distributions())
    for weight in (0.0, 0.25, 1.0):
        fused = fuse_volumes(
            stereo_probabilities=stereo, mono_probabilities=mono, stereo_weight=torch.full((2, 3, 4), weight)
        )
        torch.testing.assert_close(fused, weight * stereo.detach() + (1 - weight) * mono.detach())
        assert not fused.requires_grad


@sides
def test_fused_volume__and_its_distillation_agree_with_the_released_ones(side: str) -> None:
    stages, levels_px = peer_tensors("tio_stages"), exponential_levels()
    stereo, mono, refined = (stages[f"in.{name}_logits_s"].softmax(dim=1) for name in ("stereo", "mono", "refined"))
    stereo_px = torch.einsum("bnhw,n->bhw", stereo, levels_px)
    weight = fusion_weight(stereo_px, direction=1 if side == "left" else -1, parity=True)
    fused = fuse_volumes(stereo_probabilities=stereo, mono_probabilities=mono, stereo_weight=weight)
    torch.testing.assert_close(fused[..., ::4, ::4], stages[f"{side}.stage3.fuse_pvolume_s_s4"], rtol=0, atol=1e-4)
    mono_px = torch.einsum("bnhw,n->bhw", mono, levels_px)
    fused_px = 1 / (weight / stereo_px + (1 - weight) / mono_px)  # for display, the released code mixes the two depths
    torch.testing.assert_close(fused_px, stages[f"{side}.stage3.fuse_disp_s"], rtol=0, atol=1e-3)
    found = volume_distillation(refined_probabilities=refined, fused_probabilities=fused)
    torch.testing.assert_close(found, stages[f"{side}.stage3.Refine_hints_map"], rtol=0, atol=1e-3)
    torch.testing.assert_close(found.mean(), stages[f"{side}.stage3.Refine_hints"][0], rtol=1e-3, atol=0)


def test_volume_distillation__agrees_with_the_released_divergence() -> None:
    stored = peer_tensors("tio_losses")
    logits = stored["logits_a"].requires_grad_()
    found = volume_distillation(
        refined_probabilities=logits.softmax(dim=1), fused_probabilities=stored["logits_b"].softmax(dim=1)
    )
    torch.testing.assert_close(found, stored["costloss_kl.map"], rtol=0, atol=1e-4)
    (gradient,) = torch.autograd.grad(found.mean(), logits)
    torch.testing.assert_close(gradient[:, ::6], stored["costloss_kl.grad_wrt_logits"], rtol=1e-3, atol=1e-6)


def test_volume_distillation__is_zero_for_itself_and_else_above() -> None:
    one, other = distributions()
    assert volume_distillation(refined_probabilities=one, fused_probabilities=one).abs().max() == 0
    assert volume_distillation(refined_probabilities=one, fused_probabilities=other).min() > 0
    sure, even = one_hot(0, levels=4), torch.full((1, 4, 4, 5), 0.25)
    found = volume_distillation(refined_probabilities=even, fused_probabilities=sure)
    torch.testing.assert_close(found, torch.full((1, 4, 5), math.log(4)), rtol=0, atol=1e-4)


def test_volume_distillation__has_the_right_gradient_and_teaches_the_student_only() -> None:
    student, teacher = distributions(dtype=torch.float64)
    student, teacher = (0.8 * student + 0.2 / 7).requires_grad_(), teacher.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda one: volume_distillation(refined_probabilities=one, fused_probabilities=teacher), student
    )
    volume_distillation(refined_probabilities=student, fused_probabilities=teacher).sum().backward()  # type: ignore[no-untyped-call]
    assert teacher.grad is None


def test_cost_guidance__has_the_right_gradient() -> None:
    cost, guide = distributions(dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda one: cost_guidance(cost_probabilities=one, guide_probabilities=guide), cost.requires_grad_()
    )


def test_losses__of_volumes_are_computed_in_full_precision() -> None:
    one, other = (each.bfloat16() for each in distributions())
    assert cost_guidance(cost_probabilities=one, guide_probabilities=other).dtype == torch.float32
    assert volume_distillation(refined_probabilities=one, fused_probabilities=other).dtype == torch.float32
    assert guide_at(one, (1, 2)).dtype == torch.float32
    weight = torch.ones(2, 3, 4)
    assert fuse_volumes(stereo_probabilities=one, mono_probabilities=other, stereo_weight=weight).dtype == torch.float32


def test_losses__of_volumes_refuse_another_shape() -> None:
    one, other = distributions()
    with pytest.raises(ContractError, match="cost_probabilities and guide_probabilities of one shape"):
        cost_guidance(cost_probabilities=one, guide_probabilities=other[..., :-1])
    with pytest.raises(ContractError, match="refined_probabilities and fused_probabilities of one shape"):
        volume_distillation(refined_probabilities=one[:1], fused_probabilities=other)
    with pytest.raises(ContractError, match="stereo_probabilities and mono_probabilities of one shape"):
        fuse_volumes(stereo_probabilities=one[:, 1:], mono_probabilities=other, stereo_weight=torch.ones(2, 3, 4))


def test_synthesise__puts_logits_of_zero_outside() -> None:
    levels_px = torch.tensor([2.0, 50.0])
    logits = torch.full((1, 2, 1, 6), -9.0)
    moved = warp_by_level(logits, levels_px, direction=1)
    assert moved[0, 1].abs().max() == 0  # a level that comes from outside stands above every logit below 0
    made = synthesise(logits=logits, image=torch.arange(6.0).expand(1, 1, 1, 6), levels_px=levels_px, direction=1)
    assert made[0, 0, 0, 5].item() == pytest.approx(0, abs=1e-2)
