# SPDX-License-Identifier: Apache-2.0
"""Metres, their mask and where the sky is go in; the truth in the space that was asked for comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.data.decoding import Decoded

Space: TypeAlias = Literal["metres", "disparity"]
SkyPolicy: TypeAlias = Literal["ignore", "far"]


@dataclass(frozen=True, slots=True)
class TruthSpace:
    """How a dataset that knows its sky states its truth.

    Attributes:
        space: ``metres``, or ``disparity``, 1 / z in 1/m, for recipes that learn relative depth.
        sky: ``ignore`` masks it; ``far`` makes it valid with disparity 0, as Depth Anything is trained (MiDaS's rule).

    Raises:
        UsageError: ``far`` in metres: the sky is at no distance.
    """

    space: Space = "metres"
    sky: SkyPolicy = "ignore"

    def __post_init__(self) -> None:
        """Refuse a distance for the sky."""
        if self.sky == "far" and self.space == "metres":
            raise UsageError(
                expected="space=disparity for sky=far", got="space=metres", remedy="add the option space=disparity"
            )

    @property
    def kind(self) -> DepthKind:
        """The claim of what ``stated`` returns."""
        return DepthKind.METRIC if self.space == "metres" else DepthKind.AFFINE_DISPARITY

    def stated(self, depth_m: NDArray[np.float32], *, valid: NDArray[np.bool_], sky: NDArray[np.bool_]) -> Decoded:
        """(H, W) metres, where they hold, and where the sky is -> (H, W) values of ``kind`` and where those hold.

        >>> metres, nowhere = np.array([[4.0, 9.0]], np.float32), np.array([[False, False]])
        >>> values, valid = TruthSpace("disparity", "far").stated(metres, valid=~nowhere, sky=np.array([[False, True]]))
        >>> values.tolist(), valid.tolist()
        ([[0.25, 0.0]], [[True, True]])
        """
        if self.space == "metres":
            return depth_m, valid & ~sky
        with np.errstate(divide="ignore", invalid="ignore"):
            disparity = np.where(sky, np.float32(0), np.float32(1) / depth_m)
        return disparity, (valid | sky) if self.sky == "far" else (valid & ~sky)
