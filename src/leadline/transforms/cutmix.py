# SPDX-License-Identifier: Apache-2.0
"""Batches of pictures enter, pairs of them leave mixed in one rectangle, with the mask that tells a loss which is which.

Neighbours in the batch are partners: 0 and 1, 2 and 3...  Both share one mask and swap their parts, so nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from leadline.contracts.errors import require


@dataclass(frozen=True, kw_only=True, slots=True)
class CutMix:
    """How pairs are mixed.  Depth Anything (arXiv 2401.10891) gives p alone; the box is that of UniMatch, its author's
    sibling project.

    Attributes:
        p: how often a pair is mixed at all.
        box: "random", or "quarter" for the top left one, which the V1 training reference always takes.
        area: smallest and largest share of the picture that a random box covers.
        aspect: smallest and largest height / width of a random box in pixels.
        draw: each pair its own luck and box, or the whole batch the same.
    """

    p: float = 0.5
    box: Literal["random", "quarter"] = "random"
    area: tuple[float, float] = (0.02, 0.4)
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    draw: Literal["pair", "batch"] = "pair"

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require(0 <= self.p <= 1, "a chance to mix in [0, 1]", self.p, "e.g. 0.5")
        require(0 < self.area[0] <= self.area[1] <= 1, "areas as rising shares in (0, 1]", self.area, "e.g. 0.02 0.4")
        require(0 < self.aspect[0] <= self.aspect[1], "rising aspects above 0", self.aspect, "e.g. 0.3 3.33")

    def masks(self, pictures: int, *, height: int, width: int, generator: torch.Generator) -> Tensor:
        """What of each picture stays its own: (pictures, height, width) bool on the generator's device.

        True everywhere in pictures that are not mixed, the last of an odd number among them; both of a pair are alike.

        >>> quarter = CutMix(p=1.0, box="quarter").masks(3, height=4, width=4, generator=torch.Generator())
        >>> quarter.float().mean(dim=(1, 2)).tolist()
        [0.25, 0.25, 1.0]
        """
        pairs = pictures // 2
        draws = torch.rand(5, pairs if self.draw == "pair" else 1, generator=generator, device=generator.device)
        draws = draws.expand(5, pairs)
        if self.box == "quarter":
            boxes = torch.tensor([0, 0, height // 2, width // 2], device=draws.device)[:, None].expand(4, pairs)
        else:
            boxes = self._boxes(draws[1:], height, width)
        top, left, box_height, box_width = boxes[..., None, None]
        row = torch.arange(height, device=draws.device)[:, None]
        column = torch.arange(width, device=draws.device)[None]
        inside = (row >= top) & (row < top + box_height) & (column >= left) & (column < left + box_width)
        own = inside | (draws[0] >= self.p)[:, None, None]
        alone = torch.ones(pictures % 2, height, width, dtype=torch.bool, device=draws.device)
        return torch.cat([own.repeat_interleave(2, dim=0), alone])

    def _boxes(self, draws: Tensor, height: int, width: int) -> Tensor:
        """(4, P) in [0, 1) -> (4, P) int64: top, left, height, width.  A side too long is cut, the other grows instead."""
        area_px2 = (self.area[0] + (self.area[1] - self.area[0]) * draws[0]) * (height * width)
        aspect = self.aspect[0] + (self.aspect[1] - self.aspect[0]) * draws[1]
        box_height = (area_px2 * aspect).sqrt().clamp(max=height)
        box_width = (area_px2 / box_height).clamp(max=width)
        box_height = area_px2 / box_width
        sizes = torch.stack([box_height, box_width]).round().clamp(min=1)
        room = torch.tensor([[height], [width]], device=draws.device) - sizes
        corners = torch.floor(draws[2:] * (room + 1))
        return torch.cat([corners, sizes]).long()


def mixed(values: Tensor, own: Tensor) -> Tensor:
    """Each map with its partner's values where the mask says they are not its own.

    Labels and masks are stitched as pictures are.

    Args:
        values: (B,H,W) or (B,C,H,W) of any dtype and unit.
        own: (B,H,W) bool of ``CutMix.masks``.

    Returns:
        The shape, dtype and unit of ``values``.

    >>> mixed(torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]), torch.tensor([[[True, False]], [[True, False]]])).tolist()
    [[[1.0, 4.0]], [[3.0, 2.0]]]
    """
    mask = own if values.ndim == own.ndim else own[:, None]
    order = torch.arange(len(values), device=values.device)
    partner = torch.where(order < len(values) // 2 * 2, order ^ 1, order)
    return torch.where(mask, values, values[partner])
