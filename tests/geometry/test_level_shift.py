# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.level_shift import level_shifts, warp_by_level
from leadline.geometry.levels import exponential_levels
from leadline.geometry.warp import Padding, warp_by_disparity
from tests.peer_tensors import peer_tensors

paddings = pytest.mark.parametrize("padding", ["border", "zeros"])
directions = pytest.mark.parametrize("direction", [1, -1])


def plane_by_plane(planes: Tensor, levels_px: Tensor, *, direction: int, padding: Padding) -> Tensor:
    """The same, each plane as a picture with one disparity for all of its pixels."""
    moved = []
    for i, level_px in enumerate(levels_px.tolist()):
        disparity_px = torch.full_like(planes[:, 0], level_px)
        moved.append(warp_by_disparity(planes[:, i : i + 1], disparity_px, direction=direction, padding=padding))
    return torch.cat(moved, dim=1)


@paddings
@directions
def test_warp_by_level__moves_each_plane_by_its_own_level(padding: Padding, direction: int) -> None:
    levels_px = torch.tensor([0.0, 0.3, 1.0, 2.75, 8.9, 9.0, 9.2, 10.0, 11.5, 300.0], dtype=torch.float64)
    planes = torch.rand(2, 10, 3, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = warp_by_level(planes, levels_px, direction=direction, padding=padding)
    wanted = plane_by_plane(planes, levels_px, direction=direction, padding=padding)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@paddings
@directions
def test_warp_by_level__has_the_right_gradient(padding: Padding, direction: int) -> None:
    levels_px = torch.tensor([0.0, 0.3, 1.0, 3.75, 5.0, 40.0])
    planes = torch.rand(2, 6, 2, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda one: warp_by_level(one, levels_px, direction=direction, padding=padding), planes)


def test_warp_by_level__leaves_what_it_was_given_as_it_was() -> None:
    planes = torch.rand(1, 2, 2, 5)
    before = planes.clone()
    warp_by_level(planes, torch.tensor([1.0, 2.5]), direction=1, padding="border")
    assert torch.equal(planes, before)


def test_warp_by_level__agrees_with_the_released_warp_by_depth() -> None:
    stored, levels_px = peer_tensors("tio_losses"), exponential_levels()
    for element, direction in enumerate((1, -1)):  # T moves the two elements by -0.54 m and +0.54 m
        volume = warp_by_level(stored["logits_a"][element, None], levels_px, direction=direction)
        torch.testing.assert_close(volume[0, :, ::3, ::3], stored["dwarp.volume_s3"][element], rtol=0, atol=1e-4)
        for channel in range(3):
            planes = stored["img_a"][element, None, channel, None].expand(-1, 49, -1, -1)
            frames = warp_by_level(planes, levels_px, direction=direction, padding="border")
            torch.testing.assert_close(
                frames[0, ::6, ::3, ::3], stored["dwarp.frames_s3"][element, channel], rtol=0, atol=1e-4
            )


def test_level_shifts__end_one_column_beyond_the_picture() -> None:
    assert [shift.whole for shift in level_shifts(torch.tensor([2.0, 7.5, 300.0]), direction=1, width=8)] == [-2, -8, -9]
    assert [shift.whole for shift in level_shifts(torch.tensor([2.0, 7.5, 300.0]), direction=-1, width=8)] == [2, 7, 9]


def test_warp_by_level__needs_a_level_for_each_plane() -> None:
    with pytest.raises(ContractError, match=r"one level \(N,\) for each; got \(1, 3, 2, 2\) and \(2,\)"):
        warp_by_level(torch.zeros(1, 3, 2, 2), torch.ones(2), direction=1)
    with pytest.raises(ContractError, match="direction"):
        warp_by_level(torch.zeros(1, 3, 2, 2), torch.ones(3), direction=3)


@paddings
def test_warp_by_level__leaves_the_gradient_from_above_as_it_was(padding: Padding) -> None:
    planes, above = torch.rand(1, 2, 2, 5, requires_grad=True), torch.rand(1, 2, 2, 5)
    before = above.clone()
    torch.autograd.grad(warp_by_level(planes, torch.tensor([1.0, 2.5]), direction=1, padding=padding), planes, above)
    assert torch.equal(above, before)
