# SPDX-License-Identifier: Apache-2.0
"""Linear radiance of a Hypersim frame goes in, the picture as the release's own previews show it comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BRIGHTNESS = (0.3, 0.59, 0.11)
PERCENTILE, BECOMES = 90.0, 0.8
"""So much of the scene is darker than ``BECOMES`` of the brightest that the picture shows, after gamma."""
GAMMA = 1.0 / 2.2

_DARKEST = 1e-4


def tone_mapped(radiance: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Scale so that the 90th percentile of brightness becomes 0.8, apply gamma 1/2.2, clip.

    Source: Roberts et al. 2021 and the tone-mapping script of apple/ml-hypersim.

    Args:
        radiance: (H, W, 3) linear RGB without a unit, NaN and infinities allowed.
        valid: (H, W), where something was rendered; only there brightness is counted.

    Returns:
        (H, W, 3) uint8 RGB; black everywhere where nothing valid is above darkness.

    >>> grey = np.full((2, 2, 3), 3.0)
    >>> tone_mapped(grey, np.full((2, 2), True))[0, 0].tolist()
    [204, 204, 204]
    """
    linear = np.nan_to_num(radiance.astype(np.float32), nan=0.0, posinf=float(np.finfo(np.float32).max), neginf=0.0)
    bright = (linear @ np.array(BRIGHTNESS, np.float32))[valid]
    reference = float(np.percentile(bright, PERCENTILE)) if bright.size else 0.0
    scale = 0.0 if reference < _DARKEST else BECOMES ** (1.0 / GAMMA) / reference
    shown: NDArray[np.float32] = np.power(np.clip(linear * np.float32(scale), 0, None), np.float32(GAMMA))
    return np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
