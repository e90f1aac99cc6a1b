# SPDX-License-Identifier: Apache-2.0
"""A batch of rectified pairs enters; its views, clean and as the network sees them, leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import ContractError
from leadline.transforms.pair_colours import GammaColours, JitterColours

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.transforms.pair_colours import PairColours


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """B rectified pairs of one size.

    Attributes:
        left, right: (B,3,H,W) RGB in [0, 1] as they were taken, which reconstructions are compared with.
        seen_left, seen_right: the same in changed colours, alike in both views, which the network is shown.
    """

    left: Tensor
    right: Tensor
    seen_left: Tensor
    seen_right: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return (self.left.shape[2], self.left.shape[3])

    def one(self, index: int) -> Pair:
        """One of the pairs, alone: B is 1."""
        part = slice(index, index + 1)
        return Pair(
            left=self.left[part],
            right=self.right[part],
            seen_left=self.seen_left[part],
            seen_right=self.seen_right[part],
        )


def pair_of(batch: Batch, colours: PairColours | None) -> Pair:
    """The views of a batch (B,3,H,W); colours, where they change, are drawn from torch's global generator on the CPU.

    Every stage of an update begins with the same random state, so all of them see the same colours.

    Raises:
        ContractError: the batch has no second view.
    """
    if batch.stereo is None:
        raise ContractError(
            expected="batches of rectified pairs",
            got=f"one view in {batch.keys[0]}",
            remedy="use datasets that provide STEREO",
        )
    left, right = batch.image, batch.stereo.image
    if colours is None:
        return Pair(left=left, right=right, seen_left=left, seen_right=right)
    seen_left, seen_right = colours((left, right), torch.default_generator)
    return Pair(left=left, right=right, seen_left=seen_left, seen_right=seen_right)


def pair_colours(config: StereoConfig) -> PairColours | None:
    """What the flags say of colours."""
    if not (config.augment and config.colour_jitter):
        return None
    return GammaColours() if config.colours == "tio" else JitterColours()
