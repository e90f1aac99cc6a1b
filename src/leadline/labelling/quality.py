# SPDX-License-Identifier: Apache-2.0
"""A predicted map enters; what can be said about it without the truth leaves, and whether a filter takes it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.manifest import LabelQuality

if TYPE_CHECKING:
    from leadline.contracts.depth_map import DepthMap

_CONSTANT = 1e-6  # of the greatest value: a few roundings of float32


def quality_of(depth: DepthMap) -> LabelQuality:
    """Shares, extremes and checks of one map (H, W), in the unit of its kind.

    A map is *dead* when it has no valid pixel, or when its values span at most a millionth of the greatest: all zero
    included.  A picture of nothing but sky makes a disparity model answer 0 everywhere, which is both dead and all sky.
    """
    usable = depth.valid & np.isfinite(depth.values)
    values = depth.values[usable]
    share = float(usable.mean()) if usable.size else 0.0
    sky = float((values == 0).sum() / usable.size) if depth.kind.near_is_large and usable.size else None
    if not values.size:
        return LabelQuality(
            valid_fraction=share, confidence=None, dead=True, sky_fraction=sky, minimum=None, median=None, maximum=None
        )
    least, greatest = float(values.min()), float(values.max())
    confidence = None if depth.confidence is None else float(depth.confidence[usable].mean(dtype=np.float64))
    return LabelQuality(
        valid_fraction=share,
        confidence=confidence,
        dead=greatest - least <= _CONSTANT * max(abs(least), abs(greatest)),
        sky_fraction=sky,
        minimum=least,
        median=float(np.median(values)),
        maximum=greatest,
    )


def reason_to_drop(quality: LabelQuality, *, min_valid: float, drop_dead: bool) -> str | None:
    """Which filter takes a label away, in words for its line; None where it stays."""
    if quality.valid_fraction < min_valid:
        return f"valid fraction {quality.valid_fraction:.4f} below {min_valid:g}"
    if drop_dead and quality.dead:
        return "dead: one value everywhere" if quality.maximum is not None else "dead: nothing valid"
    return None


def is_all_sky(quality: LabelQuality) -> bool:
    """Whether every pixel is infinitely far."""
    return quality.sky_fraction == 1.0
