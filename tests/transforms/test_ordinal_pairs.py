# SPDX-License-Identifier: Apache-2.0
"""Ordinal pairs follow the picture."""

from __future__ import annotations

import torch

from leadline.contracts.sample import OrdinalPairs
from leadline.transforms.ordinal_pairs import moved_pairs


def pairs(nearer: list[list[int]], farther: list[list[int]], valid: list[bool]) -> OrdinalPairs:
    return OrdinalPairs(nearer_rc=torch.tensor(nearer), farther_rc=torch.tensor(farther), valid=torch.tensor(valid))


def test_moved_pairs__move_the_centres_of_pixels() -> None:
    moved = moved_pairs(pairs([[0, 3]], [[3, 0]], [True]), lambda rc: rc / 2, height=2, width=2)
    assert moved.nearer_rc.tolist() == [[0, 1]]
    assert moved.farther_rc.tolist() == [[1, 0]]
    assert moved.nearer_rc.dtype is torch.int64
    assert moved.valid.tolist() == [True]


def test_moved_pairs__of_pixels_that_fell_together_are_invalid() -> None:
    moved = moved_pairs(pairs([[0, 0]], [[1, 1]], [True]), lambda rc: rc / 2, height=2, width=2)
    assert moved.valid.tolist() == [False]


def test_moved_pairs__outside_on_any_side_are_invalid_and_held_inside() -> None:
    outside = [[-1, 0], [0, -1], [4, 0], [0, 5]]
    inside = [[1, 1]] * 4
    for first, second in ((outside, inside), (inside, outside)):
        moved = moved_pairs(pairs(first, second, [True] * 4), lambda rc: rc, height=4, width=5)
        assert not moved.valid.any()
        for pixels in (moved.nearer_rc, moved.farther_rc):
            assert bool(((pixels >= 0) & (pixels < torch.tensor([4, 5]))).all())


def test_moved_pairs__that_are_padding_stay_padding() -> None:
    moved = moved_pairs(pairs([[0, 0], [0, 1]], [[1, 1], [1, 0]], [False, True]), lambda rc: rc, height=2, width=2)
    assert moved.valid.tolist() == [False, True]
