# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.geometry.visibility import Side, depth_edges, edge_weight, fusion_weight, occlusion_mask, visible
from tests.peer_tensors import peer_tensors

FOCAL_TIMES_BASELINE = 400.9


def step(*, width: int = 128, columns: slice = slice(64, 90), near_px: float = 25.0) -> Tensor:
    """Something near before a wall at 5 px, (1,20,W) pixels."""
    disparity_px = torch.full((1, 20, width), 5.0)
    disparity_px[..., columns] = near_px
    return disparity_px


@pytest.mark.parametrize(("side", "hidden"), [("left", range(44, 64)), ("right", range(90, 110))])
def test_occlusion_mask__hides_exactly_what_the_step_covers(side: Side, hidden: range) -> None:
    mask = occlusion_mask(step(), side)
    assert mask.min() >= 0
    assert mask.max() <= 1
    for row in (0, 10, 19):
        assert (mask[0, row] < 0.5).nonzero().flatten().tolist() == list(hidden)


@pytest.mark.parametrize("side", ["left", "right"])
def test_occlusion_mask__sees_all_of_a_wall(side: Side) -> None:
    assert occlusion_mask(torch.full((1, 6, 80), 5.0), side).min() == 1
    assert visible(torch.full((1, 6, 80), 5.0), side).all()


def test_occlusion_mask__finds_no_more_than_its_reach() -> None:
    for more_px, hidden in ((61, 26), (62, 0)):  # as wide as the thing, or not found
        far = step(near_px=5.0 + more_px)
        edge = 63  # the mean of two columns lies between wall and thing there
        found = (occlusion_mask(far, "left")[0, 10] < 0.5).nonzero().flatten().tolist()
        assert len([column for column in found if column != edge]) == hidden
    assert not (occlusion_mask(step(), "left", reach_px=9) < 0.5).any()


def test_visible__reaches_twice_as_far() -> None:
    far = step(width=256, columns=slice(150, 200), near_px=105.0)  # 100 px more than the wall
    # the mean of two columns lies between wall and thing at its edge, and is found to be hidden from there
    assert (occlusion_mask(far, "left")[0, 10] < 0.5).nonzero().flatten().tolist() == [149]
    hidden = (~visible(far, "left")[0, 10]).nonzero().flatten()
    assert hidden[hidden < 140].tolist() == list(range(49, 101))  # and the pixel that upsampling adds on each side


def test_masks__leave_the_disparity_as_it_was_and_carry_no_gradient() -> None:
    disparity_px = step().requires_grad_()
    before = disparity_px.detach().clone()
    for found in (
        occlusion_mask(disparity_px, "right"),
        edge_weight(disparity_px),
        fusion_weight(disparity_px, direction=1),
    ):
        assert not found.requires_grad
    assert torch.equal(disparity_px, before)


@pytest.mark.parametrize("scene", ["step", "smooth"])
def test_masks__agree_with_the_released_ones(scene: str) -> None:
    stored = peer_tensors("tio_losses")
    disparity_px = stored[f"occ.{scene}.disp"]
    for side, key in (("left", "type_l"), ("right", "type_r")):
        found = occlusion_mask(disparity_px, side)  # type: ignore[arg-type]
        torch.testing.assert_close(found, stored[f"occ.{scene}.{key}"], rtol=0, atol=1e-4)
    depth_m = FOCAL_TIMES_BASELINE / disparity_px
    torch.testing.assert_close(depth_edges(depth_m, parity=True), stored[f"lap.{scene}.edge"], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(edge_weight(depth_m, parity=True), stored[f"lap.{scene}.weight"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_masks__of_the_stages_agree_with_the_released_ones(side: Side) -> None:
    stages, direction = peer_tensors("tio_stages"), 1 if side == "left" else -1
    mono_px = expected_disparity(stages["in.mono_logits_s"].softmax(dim=1), exponential_levels())
    assert torch.equal(visible(mono_px, side), stages[f"{side}.stage2.mono_occ_mask_s"].bool())
    stereo_px = expected_disparity(stages["in.stereo_logits_s"].softmax(dim=1), exponential_levels())
    weight = fusion_weight(stereo_px, direction=direction, parity=True)
    torch.testing.assert_close(weight, stages[f"{side}.stage3.plane_mask_s"], rtol=0, atol=1e-3)


def test_edge_weight__does_not_take_the_border_of_a_picture_for_an_edge() -> None:
    wall_m = torch.full((2, 6, 8), 3.0)
    assert torch.equal(edge_weight(wall_m), torch.ones(2, 6, 8))
    assert edge_weight(wall_m, parity=True)[:, :2].max() == 0
    assert edge_weight(wall_m, parity=True)[:, 2:-2, 2:-2].min() == 1


def test_edge_weight__is_the_same_at_any_scale_and_in_any_batch() -> None:
    depth_m = FOCAL_TIMES_BASELINE / step()
    alone = edge_weight(depth_m)
    assert alone.min() == 0
    torch.testing.assert_close(edge_weight(torch.cat([7 * depth_m, torch.ones_like(depth_m)]))[:1], alone)


def test_fusion_weight__keeps_stereo_on_the_side_that_is_no_half_occlusion() -> None:
    weight = fusion_weight(step(), direction=1)[0, 10]
    assert weight[62:66].max() == 0  # left edge: the left view sees what the right one does not
    assert weight[91:110].min() == 1
    assert weight[:60].min() == 1
    mirrored = fusion_weight(step().flip(-1), direction=-1)[0, 10].flip(-1)
    torch.testing.assert_close(mirrored, weight)


def test_occlusion_mask__refuses_what_it_cannot_search() -> None:
    with pytest.raises(ContractError, match=r"side left or right.*got side 'up'"):
        occlusion_mask(step(), "up")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="reach_px 2"):
        occlusion_mask(step(), "left", reach_px=2)
