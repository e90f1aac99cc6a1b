# SPDX-License-Identifier: Apache-2.0
"""What the network sees: an 8-bit RGB picture enters, a normalised tensor of a size the network likes leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from torch.nn import functional

from leadline.contracts.errors import DataError, UsageError
from leadline.geometry.multiples import nearest_multiple
from leadline.models.config import Interpolation
from leadline.transforms.resampling import resize_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.models.normalisation import Normalisation

# 16 megapixels are 81,000 tokens of 14 x 14: far beyond any sensible picture, reached only by very long and thin ones.
MAX_NETWORK_PIXELS = 16_000_000

# A picture in float32 takes four times its bytes; larger ones are therefore prepared one channel after the other, which
# gives the same numbers somewhat slower.
_PIXELS_AT_ONCE = 4_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PreprocessSettings:
    """How a picture is brought to the network's size."""

    input_size: int = 518
    """The shorter side in pixels; both sides where the aspect is not kept."""
    multiple: int = 14
    """Both sides become multiples of this."""
    keep_aspect: bool = True
    """False squashes every picture to a square."""
    interpolation: Interpolation = "cubic"
    """How the model's training did it; see ``DepthModelConfig``."""

    def __post_init__(self) -> None:
        if self.input_size < 1 or self.multiple < 1:
            raise UsageError(
                expected="an input size of at least one pixel",
                got=f"input_size {self.input_size}, multiple {self.multiple}",
                remedy="leave it out to use the model's own",
            )
        if self.interpolation not in get_args(Interpolation):
            raise UsageError(
                expected=f"an interpolation of {', '.join(get_args(Interpolation))}",
                got=repr(self.interpolation),
                remedy="leave it out to use the model's own",
            )


def network_size(height: int, width: int, settings: PreprocessSettings) -> tuple[int, int]:
    """Size (height, width) in pixels at which the network sees a picture of ``height`` x ``width``.

    The "lower bound" rule of Depth Anything V2 (``image2tensor``): scale until the shorter side is ``input_size``, round
    both sides to the multiple (halves to even), and where that falls below ``input_size`` round up instead.

    Raises:
        DataError: the picture has no pixel, or is so long and thin that the network would see more than
            ``MAX_NETWORK_PIXELS``.

    Example:
        >>> network_size(375, 1242, PreprocessSettings())
        (518, 1722)
    """
    if height < 1 or width < 1:
        raise DataError(
            expected="a picture of at least one pixel", got=f"{height}x{width}", remedy="check how the picture was read"
        )
    side = settings.input_size
    if settings.keep_aspect:
        factor = max(side / height, side / width)
        wanted = (factor * height, factor * width)
    else:
        wanted = (float(side), float(side))
    size = _at_least(wanted[0], side, settings.multiple), _at_least(wanted[1], side, settings.multiple)
    if size[0] * size[1] > MAX_NETWORK_PIXELS:
        raise DataError(
            expected=f"a picture that needs at most {MAX_NETWORK_PIXELS} pixels at the network",
            got=f"{height}x{width}, which becomes {size[0]}x{size[1]}",
            remedy="crop it, or lower the input size",
        )
    return size


def _at_least(wanted: float, minimum: int, multiple: int) -> int:
    rounded = nearest_multiple(wanted, multiple)
    return rounded if rounded >= minimum else math.ceil(wanted / multiple) * multiple


def network_input(picture: NDArray[np.uint8], settings: PreprocessSettings, normalisation: Normalisation) -> Tensor:
    """The picture at the network's size, normalised (Depth Anything V2 ``image2tensor``, with torch's cubic for OpenCV's).

    Args:
        picture: (H, W, 3) uint8 **RGB**, views included.  OpenCV reads BGR; reverse its last axis first.
        settings: size and interpolation.
        normalisation: the model's mean and standard deviation, for RGB in [0, 1].

    Returns:
        (3, h, w) float32 on the CPU, (h, w) from ``network_size``, no unit.  Cubic interpolation may overshoot [0, 1] before
        normalising; nothing is clipped.

    Raises:
        DataError: see ``network_size``.
    """
    size = network_size(picture.shape[0], picture.shape[1], settings)
    levels = torch.from_numpy(np.require(picture, requirements=["C", "W"])).permute(2, 0, 1)
    parts = [levels] if picture.shape[0] * picture.shape[1] <= _PIXELS_AT_ONCE else [levels[c : c + 1] for c in range(3)]
    resized = torch.cat([_resized(part, size, settings.interpolation) for part in parts])
    return normalisation.apply(resized).contiguous()


def _resized(levels: Tensor, size: tuple[int, int], interpolation: Interpolation) -> Tensor:
    """(C, H, W) uint8 -> (C, h, w) float32 in [0, 1], but for what cubic interpolation overshoots."""
    image = levels.to(torch.float32).div_(255.0)
    if size == tuple(levels.shape[1:]):
        return image
    if interpolation == "cubic":
        planes = image.contiguous()  # the same numbers in two thirds of the time
        return functional.interpolate(planes[None], size, mode="bicubic", align_corners=False)[0]
    if interpolation == "bilinear":
        return functional.interpolate(image[None], size, mode="bilinear", align_corners=True)[0]
    return resize_image(image, *size)
