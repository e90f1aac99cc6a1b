# SPDX-License-Identifier: Apache-2.0
"""What several views say of the same directions enters; one factor (and offset) per view, fitted all at once, leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.depth_map import DepthKind
from leadline.geometry.robust_fit import HUBER_CUT, MAD_TO_SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 10
_PULL = 1e-6  # towards every view as it is, for what no pair of views determines; a share of the data's own weight


def joint_fit(
    *, values: NDArray[np.float64], cosine: NDArray[np.float64], valid: NDArray[np.bool_], kind: DepthKind
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The factors and offsets with which all views agree best on ray lengths (or their reciprocals).

    With z a value of view k and c its cosine, the ray says ``(scale_k * z + shift_k) / c`` for depth and
    ``(scale_k * z + shift_k) * c`` for disparity.  Factors alone are fitted in the logarithm, with a geometric mean of 1, so
    that metres stay metres; with offsets, the factors of the views at equal contrast have the mean 1.  Huber's weights keep
    directions on which two views differ wildly, such as depth edges, from tilting the rest.

    Args:
        values: (K, N) what view k says in direction n, in the space of ``kind``.
        cosine: (K, N) of the angle between direction and optical axis.
        valid: (K, N) where the view sees the direction and says something finite.
        kind: affine kinds get offsets, others none.

    Returns:
        (K,) scales, at least 0, and (K,) shifts.
    """
    if kind.has_free_offset:
        return _affine(values, cosine if kind.near_is_large else 1 / np.where(valid, cosine, 1), valid)
    usable = valid & (values > 0)
    sign = 1 if kind.near_is_large else -1
    logs = np.log(np.where(usable, values, 1)) + sign * np.log(np.where(usable, cosine, 1))
    pairs = _pairs(np.ones((*logs.shape, 1)), logs, usable)
    return np.exp(_solved(pairs, np.zeros((len(logs), 1)))[:, 0]), np.zeros(len(logs))


def _affine(
    values: NDArray[np.float64], factor: NDArray[np.float64], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    level, contrast = np.zeros(len(values)), np.ones(len(values))
    for view, seen in enumerate(valid):
        if seen.any():
            level[view], contrast[view] = values[view, seen].mean(), values[view, seen].std() or 1.0
    even = (values - level[:, None]) / contrast[:, None]
    prior = np.stack([np.ones(len(values)), level / contrast], axis=1)  # every view as it is, but for its contrast
    solved = _solved(_pairs(np.stack([even * factor, factor], axis=-1), np.zeros_like(values), valid), prior)
    scales = np.maximum(solved[:, 0], 0.0) / contrast
    return scales, solved[:, 1] - scales * level


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """Two views where both see: ``rows @ unknowns[places] + constant`` is by how much they differ."""

    places: NDArray[np.intp]
    rows: NDArray[np.float64]
    constant: NDArray[np.float64]


def _pairs(columns: NDArray[np.float64], constants: NDArray[np.float64], valid: NDArray[np.bool_]) -> list[_Pair]:
    """(K, N, P) what the P unknowns of view k are multiplied by in direction n, and (K, N) what stands beside them."""
    views, unknowns = len(columns), columns.shape[-1]
    own = np.arange(views * unknowns).reshape(views, unknowns)
    pairs = []
    for one, other in combinations(range(views), 2):
        both = valid[one] & valid[other]
        if both.any():
            rows = np.concatenate([columns[one][both], -columns[other][both]], axis=1)
            constant = constants[one][both] - constants[other][both]
            pairs.append(_Pair(places=np.concatenate([own[one], own[other]]), rows=rows, constant=constant))
    return pairs


def _solved(pairs: Sequence[_Pair], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, P) by least squares, repeated with Huber's weights; ``prior`` (K, P) where no pair says otherwise."""
    start = prior.ravel()
    solution = start
    weights = [np.ones(len(pair.constant)) for pair in pairs]
    for _ in range(_ROUNDS if pairs else 0):
        solution = _least_squares(pairs, weights, start, unknowns=prior.shape[1])
        residuals = [np.abs(pair.rows @ solution[pair.places] + pair.constant) for pair in pairs]
        bound = HUBER_CUT * MAD_TO_SIGMA * float(np.median(np.concatenate(residuals)))
        if bound <= 0:
            break
        weights = [bound / np.maximum(residual, bound) for residual in residuals]
    return solution.reshape(prior.shape)


def _least_squares(
    pairs: Sequence[_Pair], weights: Sequence[NDArray[np.floating]], start: NDArray[np.float64], *, unknowns: int
) -> NDArray[np.float64]:
    """The unknowns of all views in one row; the mean of each view's first one stays as it is in ``start``."""
    count = len(start)
    system, right = np.zeros((count + 1, count + 1)), np.zeros(count + 1)
    for pair, weight in zip(pairs, weights, strict=True):
        weighted = pair.rows * weight[:, None]
        system[np.ix_(pair.places, pair.places)] += weighted.T @ pair.rows
        right[pair.places] -= weighted.T @ pair.constant
    typical = max(float(np.trace(system)) / count, np.finfo(np.float64).tiny)
    system[range(count), range(count)] += _PULL * typical
    right[:count] += _PULL * typical * start
    gauge = np.zeros(count)
    gauge[::unknowns] = typical
    system[count, :count] = system[:count, count] = gauge
    right[count] = gauge @ start
    solved: NDArray[np.float64] = np.asarray(np.linalg.solve(system, right)[:count], np.float64)
    return solved
