# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.geometry.warp import Padding, in_view, warp_by_disparity
from tests.peer_tensors import peer_tensors


def pair_of_shift(shift_px: int, *, height: int = 12, width: int = 64) -> tuple[Tensor, Tensor]:
    """Left and right view (1,3,H,W) of a wall: left(x) = right(x - shift)."""
    wall = torch.rand(1, 3, height, width + shift_px, generator=torch.Generator().manual_seed(3))
    return wall[..., :width], wall[..., shift_px:]


@pytest.mark.parametrize("direction", [1, -1])
def test_warp__brings_back_a_whole_shift_exactly(direction: int) -> None:
    left, right = pair_of_shift(7)
    target, other = (left, right) if direction == 1 else (right, left)
    seen = warp_by_disparity(other, torch.full((1, 12, 64), 7.0), direction=direction)
    kept = slice(7, None) if direction == 1 else slice(None, -7)
    assert torch.equal(seen[..., kept], target[..., kept])


@pytest.mark.parametrize("direction", [1, -1])
def test_warp__the_wrong_way_is_far_off(direction: int) -> None:
    left, right = pair_of_shift(7)
    target, other = (left, right) if direction == 1 else (right, left)
    seen = warp_by_disparity(other, torch.full((1, 12, 64), 7.0), direction=-direction)
    assert (seen - target).abs().mean() > 0.2


@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize("direction", [1, -1])
def test_warp__equals_a_sampling_grid(padding: Padding, direction: int) -> None:
    generator = torch.Generator().manual_seed(4)
    image = torch.rand(2, 3, 5, 16, generator=generator, dtype=torch.float64)
    disparity_px = 30 * torch.rand(2, 5, 16, generator=generator, dtype=torch.float64) - 5
    columns = torch.arange(16) + 0.5 - direction * disparity_px
    rows = (torch.arange(5, dtype=torch.float64) + 0.5)[:, None].expand(2, 5, 16)
    grid = torch.stack([2 * columns / 16 - 1, 2 * rows / 5 - 1], dim=-1)
    wanted = F.grid_sample(image, grid, padding_mode=padding, align_corners=False)
    found = warp_by_disparity(image, disparity_px, direction=direction, padding=padding)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("padding", ["border", "zeros"])
def test_warp__has_the_right_gradients(padding: Padding) -> None:
    generator = torch.Generator().manual_seed(5)
    image = torch.rand(1, 2, 2, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    disparity_px = (4.2 * torch.rand(1, 2, 6, generator=generator, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda one, two: warp_by_disparity(one, two, direction=1, padding=padding), (image, disparity_px)
    )


def test_warp__keeps_the_dtype_of_the_picture_and_counts_columns_in_full_precision() -> None:
    row = torch.arange(1024.0).expand(1, 1, 1, 1024)
    seen = warp_by_disparity(row.half(), torch.full((1, 1, 1024), 2.0, dtype=torch.bfloat16), direction=1)
    assert seen.dtype == torch.float16
    assert torch.equal(seen[0, 0, 0, 2:].float(), row[0, 0, 0, :-2])


def test_warp__survives_a_disparity_that_leaves_every_integer() -> None:
    seen = warp_by_disparity(torch.ones(1, 1, 1, 4), torch.full((1, 1, 4), 1e30), direction=1)
    assert torch.equal(seen, torch.ones(1, 1, 1, 4))


def test_in_view__is_false_exactly_for_the_columns_of_the_shift() -> None:
    disparity_px = torch.full((1, 2, 64), 7.0)
    assert (~in_view(disparity_px, direction=1)[0, 0]).nonzero().flatten().tolist() == list(range(7))
    assert (~in_view(disparity_px, direction=-1)[0, 0]).nonzero().flatten().tolist() == list(range(57, 64))


@pytest.mark.parametrize("side", ["left", "right"])
def test_warp__agrees_with_the_released_projection(side: str) -> None:
    stages, direction = peer_tensors("tio_stages"), 1 if side == "left" else -1
    for name in ("mono", "stereo"):
        disparity_px = expected_disparity(stages[f"in.{name}_logits_s"].softmax(dim=1), exponential_levels())
        seen = warp_by_disparity(stages["in.color_o"], disparity_px, direction=direction)
        torch.testing.assert_close(seen, stages[f"{side}.stage2.{name}_proj_img_o_0_s"], rtol=0, atol=1e-4)
        if name == "mono":
            # the released mask also judges rows, and rounding takes some pixels of the outermost ones out of view
            wanted = stages[f"{side}.stage2.edge_mask_s"].bool()
            assert torch.equal(in_view(disparity_px, direction=direction)[:, 1:-1], wanted[:, 1:-1])


def test_warp__refuses_what_does_not_fit() -> None:
    image, disparity_px = torch.zeros(1, 3, 4, 8), torch.zeros(1, 4, 8)
    with pytest.raises(ContractError, match=r"direction \+1 for a left target or -1 for a right one; got 0"):
        warp_by_disparity(image, disparity_px, direction=0)
    with pytest.raises(ContractError, match="direction"):
        in_view(disparity_px, direction=2)
    with pytest.raises(ContractError, match="padding as one of border, zeros; got 'reflection'"):
        warp_by_disparity(image, disparity_px, direction=1, padding="reflection")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="ratio of the widths"):
        warp_by_disparity(image, disparity_px[..., :4], direction=1)
