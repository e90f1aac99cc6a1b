# SPDX-License-Identifier: Apache-2.0
"""Ordinal answers: direction by kind, ties, unusable pixels, padding and points outside the picture."""

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.contracts.sample import OrdinalPairs
from leadline.evaluation.ordinal import ordinal_correct

VALUES = np.array([[1.0, 2.0, 3.0], [3.0, 3.0, np.nan]], np.float32)


def prediction(kind: DepthKind, values: np.ndarray[tuple[int, int], np.dtype[np.float32]] = VALUES) -> DepthMap:
    return DepthMap(values=values, valid=np.ones(values.shape, np.bool_), kind=kind)


def pairs(*points: tuple[tuple[int, int], tuple[int, int]], real: int | None = None) -> OrdinalPairs:
    nearer, farther = torch.tensor([p[0] for p in points]), torch.tensor([p[1] for p in points])
    return OrdinalPairs(nearer_rc=nearer, farther_rc=farther, valid=torch.arange(len(points)) < (real or len(points)))


@pytest.mark.parametrize("kind", DepthKind)
def test_ordinal__direction_follows_the_kind(kind: DepthKind) -> None:
    answer = ordinal_correct(prediction(kind), pairs(((0, 0), (0, 2)), ((0, 2), (0, 1))))
    assert answer.tolist() == ([False, True] if kind.near_is_large else [True, False])


@pytest.mark.parametrize("kind", DepthKind)
def test_ordinal__ties_and_unusable_pixels_are_wrong(kind: DepthKind) -> None:
    answer = ordinal_correct(prediction(kind), pairs(((0, 2), (1, 0)), ((1, 2), (0, 0)), ((0, 0), (1, 2))))
    assert answer.tolist() == [False, False, False]


def test_ordinal__invalid_pixels_are_wrong_even_with_a_number() -> None:
    hidden = DepthMap(values=VALUES, valid=np.zeros(VALUES.shape, np.bool_), kind=DepthKind.METRIC)
    assert ordinal_correct(hidden, pairs(((0, 0), (0, 1)))).tolist() == [False]


@pytest.mark.parametrize("hidden", [(0, 0), (0, 1)])
def test_ordinal__one_invalid_end_makes_a_pair_wrong(hidden: tuple[int, int]) -> None:
    valid = np.ones(VALUES.shape, np.bool_)
    assert ordinal_correct(prediction(DepthKind.METRIC), pairs(((0, 0), (0, 1)))).tolist() == [True]
    valid[hidden] = False
    half = DepthMap(values=VALUES, valid=valid, kind=DepthKind.METRIC)
    assert ordinal_correct(half, pairs(((0, 0), (0, 1)))).tolist() == [False]


def test_ordinal__padding_is_left_out() -> None:
    assert ordinal_correct(prediction(DepthKind.METRIC), pairs(((0, 0), (0, 1)), ((9, 9), (9, 9)), real=1)).tolist() == [
        True
    ]


@pytest.mark.parametrize("point", [(2, 0), (0, 3), (-1, 0)])
def test_ordinal__points_outside_are_an_error(point: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="inside a picture of 2x3"):
        ordinal_correct(prediction(DepthKind.METRIC), pairs(((0, 0), point)))
