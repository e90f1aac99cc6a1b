# SPDX-License-Identifier: Apache-2.0
"""What KITTI 2015 knows of a pair beyond a Sample: its two disparity maps and its cars enter, one record leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Kitti2015Annotations:
    """Truth of one pair of the stereo benchmark, all (H, W) of the left picture at its original size.

    Attributes:
        all_disparity_px: float32, ``disp_occ_0``: every pixel with truth; undefined where ``all_valid`` is false.
        all_valid: bool.
        visible_disparity_px: float32, ``disp_noc_0``: pixels whose match lies inside the right picture.
        visible_valid: bool.
        foreground: bool, ``obj_map > 0``: pixels of moving cars.
    """

    all_disparity_px: Tensor
    all_valid: Tensor
    visible_disparity_px: Tensor
    visible_valid: Tensor
    foreground: Tensor
