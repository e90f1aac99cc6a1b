# SPDX-License-Identifier: Apache-2.0
"""A segmentation file of DDOS and the stored number of each class go in; what class every pixel is comes out."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.suggestions import did_you_mean
from leadline.data.named_values import named_values
from leadline.rasters.depth_files import read_raster
from leadline.rasters.images import read_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

CLASS_IDS: Mapping[str, int] = MappingProxyType(
    {
        "ultra_thin": 255,
        "thin_structures": 240,
        "small_mesh": 220,
        "large_mesh": 200,
        "trees": 180,
        "buildings": 160,
        "vehicles": 140,
        "animals": 100,
        "other": 80,
        "background": 0,
    }
)
"""The ten classes, thinnest first, and the number that stands for each.

The release does not state the numbers.  These are the ones that negarfathi/EDFNet counted in the masks of all 34 000 frames
(outputs/results/class_distribution.csv); its counts of train and validation add up to every pixel, with no other number.
"""
_LARGEST_ID = 65535


@dataclass(frozen=True, slots=True)
class DdosAnnotations:
    """What the DDOS protocol scores beside depth.

    Attributes:
        ids: (H, W) int32, the stored class numbers, at the size of the sample; None where no segmentation was downloaded.
        class_ids: class -> its number in ``ids``.
    """

    ids: Tensor | None
    class_ids: Mapping[str, int]


def class_ids_from(words: str) -> Mapping[str, int]:
    """:data:`CLASS_IDS` with the numbers that an option replaces, e.g. ``trees=4,animals=7``.

    Raises:
        UsageError: not of that form, an unknown class, a number that is none, or two classes of one number.

    >>> class_ids_from("trees=4")["trees"], class_ids_from("")["trees"]
    (4, 180)
    """
    listed = [word.strip() for word in words.split(",") if word.strip()]
    given = named_values(listed, flag="option class_ids", form="CLASS=ID")
    for name, word in given.items():
        if name not in CLASS_IDS:
            known = ", ".join(CLASS_IDS)
            remedy = did_you_mean(name, CLASS_IDS, otherwise="choose one of these")
            raise UsageError(expected=f"a class of DDOS in class_ids: {known}", got=f"'{name}'", remedy=remedy)
        if not word.isdecimal() or int(word) > _LARGEST_ID:
            remedy = f"write e.g. {name}={CLASS_IDS[name]}"
            raise UsageError(expected=f"a number from 0 to {_LARGEST_ID} for class {name}", got=repr(word), remedy=remedy)
    merged = {**CLASS_IDS, **{name: int(word) for name, word in given.items()}}
    owners: dict[int, str] = {}
    for name, number in merged.items():
        if number in owners:
            raise UsageError(
                expected="a number of its own for every class of DDOS",
                got=f"{number} for both {owners[number]} and {name}",
                remedy="give the numbers of all classes in class_ids, as your masks have them",
            )
        owners[number] = name
    return merged


def read_class_ids(path: Path, size: tuple[int, int], class_ids: Mapping[str, int]) -> Tensor:
    """The stored class numbers, (H, W) int32.  Masks of one channel, and of three or four that are the same.

    Args:
        path: a file of the folder ``segmentation``.
        size: (H, W) of its picture.
        class_ids: the numbers there are.

    Raises:
        DataError: an unreadable or coloured mask, one of another size, or one with a number that stands for no class.
    """
    stored = _stored(path)
    if stored.shape != size:
        raise DataError(
            expected=f"a segmentation of the picture's size, {size[0]}x{size[1]} (height x width)",
            got=f"{stored.shape[0]}x{stored.shape[1]} in {path}",
            remedy="take the file of the release, and resize neither",
        )
    present = np.unique(stored)
    unknown = present[~np.isin(present, list(class_ids.values()))]
    if unknown.size:
        raise DataError(
            expected=f"class numbers out of {', '.join(str(number) for number in sorted(class_ids.values()))}",
            got=f"{', '.join(str(number) for number in unknown[:5])} in {path}",
            remedy="take the file of the release, or give your numbers with the option class_ids=CLASS=ID,...",
        )
    return torch.from_numpy(stored.astype(np.int32))


def _stored(path: Path) -> NDArray[Any]:
    try:
        return read_raster(path)
    except DataError as several_channels:
        colours = read_image(path)
        if (colours != colours[..., :1]).any():
            raise several_channels
        return colours[..., 0]
