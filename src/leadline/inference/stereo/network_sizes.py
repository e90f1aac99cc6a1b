# SPDX-License-Identifier: Apache-2.0
"""Sizes of a picture and of the pictures a stereo network learnt from enter; the size at which it sees this one leaves."""

from __future__ import annotations

import math

from leadline.geometry.multiples import nearest_multiples
from leadline.inference.preprocess import PreprocessSettings, network_size

MULTIPLE = 32  # divides by every stride of every pyramid; an encoder with patches of 14 sees to those itself
_ALIKE = 1.1  # KITTI's pictures are 3.30 to 3.35 times as wide as high, 1280x384 is 3.33; no other common format is so near
_OWN_SIDE_PX = 384


def seen_size(size: tuple[int, int], trained: tuple[int, int] | None, input_size: int | None) -> tuple[int, int]:
    """(height, width) in pixels, multiples of 32, at which the network sees a picture of ``size``.

    The size it was trained at, where the picture has nearly those proportions; else the picture keeps its own, with the
    shorter side as long as in training.  Without a recorded size, the picture's own.

    Args:
        size: of the picture.
        trained: of the pictures the network learnt from, before they were cropped, or None.
        input_size: the shorter side asked for; None leaves the choice to the rules above.

    Raises:
        DataError: far too long and thin, or without a pixel.
        UsageError: an input size below 1.

    >>> [seen_size(size, (384, 1280), None) for size in ((375, 1242), (480, 640))], seen_size((190, 256), None, None)
    ([(384, 1280), (384, 512)], (192, 256))
    """
    settings = nominal_settings(trained, input_size)
    kept = network_size(*size, settings)  # also refuses what no network could hold
    if input_size is not None:
        return kept
    if trained is None:
        return nearest_multiples(size, MULTIPLE)
    apart = math.log(size[1] / size[0]) - math.log(trained[1] / trained[0])
    return nearest_multiples(trained, MULTIPLE) if abs(apart) <= math.log(_ALIKE) else kept


def nominal_settings(trained: tuple[int, int] | None, input_size: int | None) -> PreprocessSettings:
    """How pictures of any proportions are brought to the network: averaged, and by their shorter side in pixels."""
    side = input_size if input_size is not None else min(trained) if trained else _OWN_SIDE_PX
    return PreprocessSettings(input_size=side, multiple=MULTIPLE, interpolation="antialiased")
