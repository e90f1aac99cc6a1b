# SPDX-License-Identifier: Apache-2.0
"""Where small patches of one picture lie in another: two grey pictures enter, places and offsets that agree both ways leave.

Made to tell what is wrong with a pair before anything is learnt from it, so it looks to all four sides and reports only
patches that have texture, one clear best place, and that place's best place where they started.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

PATCH_PX = 13  # side of a patch, odd
SPACING_PX = 16  # of the grid the patches are taken from
MOST_PATCHES = 192
LEAST_CONTRAST = 0.012  # standard deviation of a patch's horizontal differences; camera noise has about 0.005
LEAST_CORRELATION = 0.8
CLEAR_LEAD = 0.05  # by which the best place must beat every place more than _NEIGHBOUR_PX columns away
_NEIGHBOUR_PX = 4
_RETURN_PX = 1  # how far from its start a patch may come back to
_HALF = PATCH_PX // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """N patches of the first picture that were found in the second.

    Attributes:
        rows, columns: (N,) int64, centres in the first picture.
        disparity_px: (N,) float32, column there minus column in the second picture, to parts of a pixel.
        vertical_px: (N,) float32, row there minus row in the second picture, likewise.
        vertical_known: (N,) bool; false for patches that look alike further up and down, such as of a pole.
        textured: how many patches had enough texture to be looked for.
    """

    rows: Tensor
    columns: Tensor
    disparity_px: Tensor
    vertical_px: Tensor
    vertical_known: Tensor
    textured: int


def mutual_matches(*, first: Tensor, second: Tensor, reach_px: int, slack_px: int) -> Matches:
    """Patches of the first picture and where they lie in the second, by normalised correlation.

    Args:
        first, second: (H, W) grey float32 of one size, both sides more than twice ``PATCH_PX``.
        reach_px: how many columns to each side are searched.
        slack_px: how many rows up and down are searched.

    Returns:
        At most ``MOST_PATCHES`` matches, none where the pictures share nothing.
    """
    rows, columns = _textured_centres(first)
    textured = len(rows)
    if not textured:
        none = torch.zeros(0)
        return Matches(rows=rows, columns=columns, disparity_px=none, vertical_px=none, vertical_known=none > 0, textured=0)
    there = _search(first, second, rows, columns, (slack_px, reach_px))
    back = _search(second, first, rows + there.down, columns + there.right, (slack_px, reach_px))
    returned = ((there.down + back.down).abs() <= _RETURN_PX) & ((there.right + back.right).abs() <= _RETURN_PX)
    kept = there.clear & returned & (there.down.abs() < slack_px)
    return Matches(
        rows=rows[kept],
        columns=columns[kept],
        disparity_px=-(there.right + there.right_part)[kept],
        vertical_px=-(there.down + there.down_part)[kept],
        vertical_known=there.clear_vertically[kept],
        textured=textured,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """The best place of each of N patches: whole rows down and columns right, the parts beyond, and how clear it is."""

    down: Tensor
    right: Tensor
    down_part: Tensor
    right_part: Tensor
    clear: Tensor
    clear_vertically: Tensor


def _textured_centres(picture: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) rows and columns of the grid's patches whose brightness changes along the row, strongest first."""
    height, width = picture.shape
    steps = functional.pad(picture[:, 1:] - picture[:, :-1], (0, 1))[None, None]
    mean, square = (functional.avg_pool2d(values, PATCH_PX, stride=1)[0, 0] for values in (steps, steps.square()))
    contrast = (square - mean.square()).clamp(min=0).sqrt()
    rows = torch.arange(_HALF, height - _HALF, SPACING_PX)
    columns = torch.arange(_HALF, width - _HALF, SPACING_PX)
    grid = contrast[rows[:, None] - _HALF, columns[None] - _HALF].flatten()
    order = grid.argsort(descending=True)[:MOST_PATCHES]
    order = order[grid[order] > LEAST_CONTRAST]
    return rows[order // len(columns)], columns[order % len(columns)]


def _search(first: Tensor, second: Tensor, rows: Tensor, columns: Tensor, reach: tuple[int, int]) -> _Found:
    scores = _correlations(first, second, rows, columns, reach)
    count, _, places = scores.shape
    best, index = scores.flatten(1).max(dim=1)
    line, place = index // places, index % places
    every = torch.arange(count)
    along, across = scores[every, line], scores[every, :, place]  # the row and the column of places through the best
    rival = _best_beyond(scores.amax(dim=1), place, _NEIGHBOUR_PX)
    vertical_rival = _best_beyond(across, line, _RETURN_PX)
    return _Found(
        down=line - reach[0],
        right=place - reach[1],
        down_part=_peak_part(across, line),
        right_part=_peak_part(along, place),
        clear=(best > LEAST_CORRELATION) & (best - rival > CLEAR_LEAD),
        clear_vertically=best - vertical_rival > CLEAR_LEAD,
    )


def _best_beyond(scores_NK: Tensor, at_N: Tensor, nearer_px: int) -> Tensor:
    """(N,) the greatest score more than ``nearer_px`` places from ``at``."""
    away = (torch.arange(scores_NK.shape[1])[None] - at_N[:, None]).abs() > nearer_px
    return torch.where(away, scores_NK, -1.0).amax(dim=1)


def _peak_part(scores_NK: Tensor, at_N: Tensor) -> Tensor:
    """(N,) in [-0.5, 0.5]: how far beyond ``at`` the parabola through it and its neighbours has its top."""
    last, at = scores_NK.shape[1] - 1, at_N[:, None]
    before = scores_NK.gather(1, (at - 1).clamp(min=0))[:, 0]
    after = scores_NK.gather(1, (at + 1).clamp(max=last))[:, 0]
    bend = (2 * scores_NK.gather(1, at)[:, 0] - before - after).clamp(min=1e-6)
    return ((after - before) / (2 * bend)).clamp(-0.5, 0.5)


def _correlations(first: Tensor, second: Tensor, rows: Tensor, columns: Tensor, reach: tuple[int, int]) -> Tensor:
    """(N, 2 down + 1, 2 across + 1) in [-1, 1]; -1 where the place is not wholly inside the second picture."""
    down_px, across_px = reach
    span = torch.arange(PATCH_PX)
    patches = first[rows[:, None, None] + span[:, None] - _HALF, columns[:, None, None] + span[None] - _HALF]
    patches = patches - patches.mean(dim=(1, 2), keepdim=True)
    patches = patches / patches.norm(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    padded = functional.pad(second[None, None], (across_px, across_px, down_px, down_px))[0, 0]
    high, wide = torch.arange(PATCH_PX + 2 * down_px), torch.arange(PATCH_PX + 2 * across_px)
    strips = padded[rows[:, None, None] + high[:, None] - _HALF, columns[:, None, None] + wide[None] - _HALF]
    products = functional.conv2d(strips[None], patches[:, None], groups=len(rows))[0]
    mean, square = (functional.avg_pool2d(values[None], PATCH_PX, stride=1)[0] for values in (strips, strips.square()))
    energy = ((square - mean.square()) * PATCH_PX**2).clamp(min=1e-6)
    row = rows[:, None, None] + torch.arange(-down_px, down_px + 1)[:, None]
    column = columns[:, None, None] + torch.arange(-across_px, across_px + 1)[None]
    height, width = second.shape
    inside = (row >= _HALF) & (row < height - _HALF) & (column >= _HALF) & (column < width - _HALF)
    return torch.where(inside, products / energy.sqrt(), -1.0)
