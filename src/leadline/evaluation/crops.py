# SPDX-License-Identifier: Apache-2.0
"""The evaluation crops of the field, each once, with its source: a picture's size enters, a mask of scored pixels leaves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from leadline.contracts.errors import ContractError


@dataclass(frozen=True, kw_only=True, slots=True)
class Crop:
    """A rectangle of scored pixels, ``start <= index < stop``.

    Attributes:
        name: how the command line and result files call it.
        rows, columns: (start, stop), in pixels, or as fractions of height and width, truncated to pixels.
        fractional: which of the two.
        size: (H, W) the pixel box was drawn for, or None where it is applied to any size.
        source: where the numbers come from.
    """

    name: str
    rows: tuple[float, float]
    columns: tuple[float, float]
    fractional: bool
    size: tuple[int, int] | None = None
    source: str

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, bottom, left, right) in pixels for a picture of this size.

        Raises:
            ContractError: a box that was drawn for one size meets another.
        """
        if self.size is not None and self.size != (height, width):
            raise ContractError(
                expected=f"pictures of {self.size[0]}x{self.size[1]}, for which the {self.name} crop was drawn",
                got=f"{height}x{width}",
                remedy="evaluate at the original size, or with a protocol of another crop",
            )
        factors = (height, height, width, width) if self.fractional else (1, 1, 1, 1)
        top, bottom, left, right = (int(f * x) for f, x in zip(factors, self.rows + self.columns, strict=True))
        return top, min(bottom, height), left, min(right, width)

    def mask(self, height: int, width: int) -> Tensor:
        """(H, W) bool, true inside the crop; H and W are ``height`` and ``width``.

        Raises:
            ContractError: see ``box``.
        """
        top, bottom, left, right = self.box(height, width)
        inside = torch.zeros(height, width, dtype=torch.bool)
        inside[top:bottom, left:right] = True
        return inside


FULL = Crop(name="full", rows=(0, 1), columns=(0, 1), fractional=True, source="no crop")
EIGEN = Crop(
    name="eigen",
    rows=(45, 471),
    columns=(41, 601),
    fractional=False,
    size=(480, 640),
    source="Eigen et al. 2014, box of valid projected depth of NYU's 480x640 frames",
)
EIGEN_ANY_SIZE = Crop(
    name="eigen-any-size",
    rows=EIGEN.rows,
    columns=EIGEN.columns,
    fractional=False,
    source="the NYU box laid on pictures of other sizes, as ZoeDepth does outside NYU",
)
GARG = Crop(
    name="garg",
    rows=(0.40810811, 0.99189189),
    columns=(0.03594771, 0.96405229),
    fractional=True,
    source="Garg et al. 2016, part of KITTI frames with dense LiDAR",
)
KITTI_EIGEN = Crop(
    name="kitti-eigen",
    rows=(0.3324324, 0.91351351),
    columns=(0.0359477, 0.96405229),
    fractional=True,
    source="Eigen et al. 2014, KITTI",
)
CROPS: dict[str, Crop] = {crop.name: crop for crop in (FULL, EIGEN, EIGEN_ANY_SIZE, GARG, KITTI_EIGEN)}
