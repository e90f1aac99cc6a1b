# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a pair, told from its pictures alone: left and right enter, evidence and at most one doubt leave.

A rectified pair shows every point in the same row, and in the right picture further to the left or, far away, at the same
column.  Views that changed sides, a mirrored pair, cameras that were not rectified and two pictures of different places all
break that for most patches that can be found again.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from leadline.contracts.errors import ContractError
from leadline.geometry.patch_matching import PATCH_PX, mutual_matches

WORKING_WIDTH_PX = 512
"""Wider pictures are reduced to this before they are matched; offsets are told in pixels of the given ones."""
REACH = 0.25  # of the width; KITTI's nearest cars lie at 0.1, TiO-Depth's greatest level at 300 / 1280
SLACK_PX = 8  # rows, of the working picture
LEAST_TEXTURED = 8  # patches
LEAST_MATCHED = 6  # patches
LEAST_MATCHED_SHARE = 0.1  # of the textured ones; real pairs reach 0.5, pictures of two places 0.05
MOST_VERTICAL_PX = 0.75  # working rows by which half of the patches may miss theirs
MAJORITY = 0.6
SAME_PLACE = 0.95  # share of the patches that did not move, from which on both pictures are the same


@dataclass(frozen=True, kw_only=True, slots=True)
class PairDoubt:
    """One thing that is wrong with a pair; the parts are those of a ``LeadlineError``."""

    expected: str
    got: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PairEvidence:
    """N patches of the left picture that were found in the right one, in pixels of the pictures as they were given.

    Attributes:
        rows, columns: (N,) float32 centres in the left picture.
        disparity_px, vertical_px: (N,) float32, column and row there minus column and row in the right picture.
        vertical_known: (N,) bool, where ``vertical_px`` is told by more than the edge of a pole.
        textured: how many patches had texture.
        pixel_px: pixels of the given picture in one pixel of the picture that was matched.
    """

    rows: Tensor
    columns: Tensor
    disparity_px: Tensor
    vertical_px: Tensor
    vertical_known: Tensor
    textured: int
    pixel_px: float


def pair_evidence(*, left: Tensor, right: Tensor) -> PairEvidence | None:
    """Patches of (3, H, W) float32 pictures in [0, 1] that agree; None where a side is too short for any.

    Raises:
        ContractError: the two differ in size.
    """
    if left.shape != right.shape:
        raise ContractError(
            expected="left and right pictures of one size",
            got=f"{left.shape[-2]}x{left.shape[-1]} and {right.shape[-2]}x{right.shape[-1]}",
            remedy="rectify both to one size; a pair from different cameras or crops is no pair",
        )
    height, width = left.shape[-2:]
    working = min(width, WORKING_WIDTH_PX)
    size = max(1, round(height * working / width)), working
    if min(size) <= 2 * PATCH_PX:
        return None
    first, second = (_grey(picture, size) for picture in (left, right))
    found = mutual_matches(first=first, second=second, reach_px=int(working * REACH), slack_px=SLACK_PX)
    pixel_px = width / working
    return PairEvidence(
        rows=(found.rows + 0.5) * pixel_px,
        columns=(found.columns + 0.5) * pixel_px,
        disparity_px=found.disparity_px * pixel_px,
        vertical_px=found.vertical_px * pixel_px,
        vertical_known=found.vertical_known,
        textured=found.textured,
        pixel_px=pixel_px,
    )


def doubt_about(evidence: PairEvidence, *, baseline_m: float) -> PairDoubt | None:
    """The first thing that is wrong, or None: no texture, nothing in common, rows that differ, sides exchanged, sign.

    Args:
        evidence: of ``pair_evidence``.
        baseline_m: as in ``StereoView``, positive where the second view is to the right.
    """
    matched = len(evidence.disparity_px)
    if evidence.textured < LEAST_TEXTURED:
        return PairDoubt(
            expected="pictures with texture, without which nothing tells a pixel's partner",
            got=f"{evidence.textured} textured patches",
            remedy="leave the pair out, or check that the pictures are not black, blown out or blurred",
        )
    if matched < max(LEAST_MATCHED, LEAST_MATCHED_SHARE * evidence.textured):
        return PairDoubt(
            expected="two pictures of one scene in the same rows",
            got=f"{matched} of {evidence.textured} patches found again",
            remedy="check that left and right belong together and were rectified",
        )
    misses_px = evidence.vertical_px[evidence.vertical_known].abs()
    if len(misses_px) >= LEAST_MATCHED and float(misses_px.median()) > MOST_VERTICAL_PX * evidence.pixel_px:
        return PairDoubt(
            expected="a rectified pair, each point in one row of both pictures",
            got=f"half of {len(misses_px)} patches {float(misses_px.median()):.1f} px or more above or below",
            remedy="rectify the pictures with the calibration of both cameras",
        )
    return _doubt_about_sides(evidence, baseline_m)


def _doubt_about_sides(evidence: PairEvidence, baseline_m: float) -> PairDoubt | None:
    matched, a_pixel = len(evidence.disparity_px), 0.5 * evidence.pixel_px
    negative = float((evidence.disparity_px < -a_pixel).float().mean())
    positive = float((evidence.disparity_px > a_pixel).float().mean())
    if negative > MAJORITY:
        return PairDoubt(
            expected="the left camera's picture first: near things lie further left in the right picture",
            got=f"{negative:.0%} of {matched} patches further right",
            remedy="exchange left and right, or undo the mirroring of both, and give a positive baseline",
        )
    if baseline_m <= 0:
        return PairDoubt(
            expected="a baseline above 0 m, for the second view lies to the right",
            got=f"{baseline_m:g} m",
            remedy="change its sign in the calibration",
        )
    if positive + negative < 1 - SAME_PLACE:
        return PairDoubt(
            expected="two views of one scene from different places",
            got=f"{matched} patches at the same place in both",
            remedy="check that the right picture is not the left one again",
        )
    return None


def _grey(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(3, H, W) in [0, 1] -> (h, w); the mean of the colours, averaged to the smaller size."""
    grey = picture.float().mean(dim=0)
    if grey.shape == size:
        return grey
    return functional.interpolate(grey[None, None], size, mode="bilinear", antialias=True)[0, 0]
