# SPDX-License-Identifier: Apache-2.0
"""What every predictor promises, a network or not: pictures enter, depth maps of their sizes leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind, DepthMap


class Predicts(Protocol):
    """Whatever turns pictures into depth maps; ``leadline.inference.predictor.Predictor`` does."""

    @property
    def kind(self) -> DepthKind:
        """The claim of all its maps, known before the first."""
        ...

    @property
    def description(self) -> Mapping[str, object]:
        """What it is, as plain JSON values, for result files."""
        ...

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """One (H, W) map per (H, W, 3) uint8 RGB picture, in order."""
        ...
