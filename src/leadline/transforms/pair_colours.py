# SPDX-License-Identifier: Apache-2.0
"""Light and colour of whole batches of pairs: the views of each scene enter, views that all changed alike leave.

A photometric loss compares the views of one scene, so whatever a camera could have done to one picture is done to all of
them.  The networks see the changed pictures; which of the two a loss compares is the recipe's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torchvision.transforms.v2 import functional as pixels

from leadline.contracts.errors import ContractError, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class PairColours(Protocol):
    """Anything that recolours the views of each scene alike."""

    def __call__(self, views: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Views (B, 3, H, W) in [0, 1] -> as many of the same shapes; ``generator`` lives on the CPU."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class GammaColours:
    """``clip(image ** gamma * brightness * (r, g, b))`` with chance ``p`` per scene, each factor uniform in its range.

    The defaults are those of FAL-Net and TiO-Depth (ZM-Zhou/TiO-Depth_pytorch, official training file).

    Attributes:
        p: chance that a scene is changed.
        gamma, brightness, channel: (least, greatest) of each factor; ``channel`` is drawn for red, green and blue apart.
    """

    p: float = 0.5
    gamma: tuple[float, float] = (0.8, 1.2)
    brightness: tuple[float, float] = (0.5, 2.0)
    channel: tuple[float, float] = (0.8, 1.2)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require(0 <= self.p <= 1, "a chance in [0, 1]", self.p, "e.g. 0.5")
        for name in ("gamma", "brightness", "channel"):
            limits = getattr(self, name)
            require(0 < limits[0] <= limits[1], f"a rising range of {name} above 0", limits, "e.g. 0.8 1.2")

    def __call__(self, views: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Views (B, 3, H, W) RGB float32 in [0, 1] -> the same shapes and range; scene b changes alike in all of them.

        Every scene takes six draws from the CPU ``generator``, changed or not.  ContractError where B or the device differs.
        """
        scenes = _scenes_of(views)
        draws = torch.rand(scenes, 6, generator=generator, dtype=torch.float64)
        changed = draws[:, 0] < self.p
        gamma = torch.where(changed, _between(self.gamma, draws[:, 1]), 1.0)
        gain = _between(self.brightness, draws[:, 2:3]) * _between(self.channel, draws[:, 3:])
        gain = torch.where(changed[:, None], gain, 1.0)
        like = views[0]
        gamma_B111 = gamma.to(like.device, like.dtype)[:, None, None, None]
        gain_B311 = gain.to(like.device, like.dtype)[:, :, None, None]
        # a picture that is not changed is passed on bit by bit, also where it leaves [0, 1] by rounding
        kept_B111 = (~changed).to(like.device)[:, None, None, None]
        return tuple(torch.where(kept_B111, view, (view**gamma_B111 * gain_B311).clamp(0.0, 1.0)) for view in views)


@dataclass(frozen=True, kw_only=True, slots=True)
class JitterColours:
    """Brightness, contrast, saturation and hue in random order, with chance ``p`` per scene.

    The defaults are those of monodepth2 (Godard et al. 2019): three factors in 0.8 .. 1.2, hue within a tenth of a turn.

    Attributes:
        p: chance that a scene is changed.
        brightness, contrast, saturation: factors uniform in 1 - x .. 1 + x.
        hue: turns of the colour circle, uniform in -x .. x.
    """

    p: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        shares = (self.p, self.brightness, self.contrast, self.saturation)
        require(all(0 <= one <= 1 for one in shares), "chance and strengths in [0, 1]", shares, "e.g. 0.2")
        require(0 <= self.hue <= 0.5, "a hue of at most half a turn, in [0, 0.5]", self.hue, "e.g. 0.1")

    def __call__(self, views: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Views (B, 3, H, W) RGB float32 in [0, 1] -> the same shapes and range; scene b changes alike in all of them.

        Contrast turns about each view's own mean grey.  Every scene takes the same number of draws from the CPU
        ``generator``.  ContractError where B or the device differs.
        """
        scenes = _scenes_of(views)
        results = [list(view.unbind()) for view in views]
        for scene in range(scenes):
            draws = torch.rand(5, generator=generator, dtype=torch.float64).tolist()
            order = torch.randperm(4, generator=generator).tolist()
            if draws[0] >= self.p:
                continue
            for pictures in results:
                for kind in order:
                    pictures[scene] = self._jittered(pictures[scene], kind, 2 * draws[1 + kind] - 1)
                pictures[scene] = pictures[scene].clamp(0.0, 1.0)
        return tuple(torch.stack(pictures) for pictures in results)

    def _jittered(self, picture_3HW: Tensor, kind: int, way: float) -> Tensor:
        """One of four changes, ``way`` in [-1, 1] times its strength."""
        changed: Tensor
        if kind == 0:
            changed = pixels.adjust_brightness(picture_3HW, 1 + way * self.brightness)
        elif kind == 1:
            changed = pixels.adjust_contrast(picture_3HW, 1 + way * self.contrast)
        elif kind == 2:
            changed = pixels.adjust_saturation(picture_3HW, 1 + way * self.saturation)
        else:
            changed = pixels.adjust_hue(picture_3HW, way * self.hue)
        return changed


def _between(limits: tuple[float, float], draw: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * draw


def _scenes_of(views: Sequence[Tensor]) -> int:
    """How many scenes there are; ContractError unless all views have that many on one device."""
    described = sorted({f"{len(view)} on {view.device}" for view in views})
    if len(described) != 1:
        raise ContractError(
            expected="one or more views of the same scenes on one device",
            got=" and ".join(described) or "none",
            remedy="pass the views of one batch together",
        )
    return len(views[0])
