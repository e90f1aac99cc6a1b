# SPDX-License-Identifier: Apache-2.0
"""DDOS, drone flights in two environments, as delivered: a frame goes in; picture, metres, mask and classes come out.

Kolbeinsson & Mikolajczyk 2024, "DDOS: The Drone Depth and Obstacle Segmentation Dataset".  Depth is 16-bit, linear up to
100 m at 65535; that scale is the paper's range, not stated with the files.  0 is no depth, 65535 is 100 m or more: the sky.
The release says neither whether depth is z or ray length nor what the camera is: it is taken for z, no camera is provided.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from leadline.contracts.errors import DataError, UsageError, require
from leadline.contracts.paths import exists, is_folder
from leadline.contracts.sample import Field, Sample
from leadline.data.ddos_classes import DdosAnnotations, class_ids_from, read_class_ids
from leadline.data.ddos_flights import (
    SPLIT_FOLDERS,
    Flight,
    Layout,
    data_folder,
    flights_below,
    require_separated,
    wanted_flights,
)
from leadline.data.decoding import Decoded, decode_linear
from leadline.data.frame import Frame, read_frame, require_some
from leadline.data.hold_out import hold_out
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.sky import TruthSpace
from leadline.data.subset import EvenSubset
from leadline.rasters.images import image_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

NAME = "ddos"
SATURATED = 65535
"""Stored value of the sky, and of whatever is as far as the format holds or farther."""
FULL_SCALE_M = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DdosSettings:
    """Options of dataset ``ddos``."""

    layout: Layout = "official"
    """``official``: train/park/33/image/7.png; ``short``: park/33/image/7.png, flights of one split or of your own."""
    environments: str = ""
    """Environments wanted, with commas between: neighbourhood, park; empty: both."""
    flights: str = ""
    """Flights wanted, with commas between, as 7, park/7, train/7 or train/park/7; empty: all.  A split is restricted by
    entries that name it, or no split."""
    limit: int = 0
    """At most so many frames, evenly spaced; 0: all."""
    full_scale_m: float = FULL_SCALE_M
    """Metres that the stored value 65535 stands for."""
    space: Literal["metres", "disparity"] = "metres"
    """State depth in metres, or as 1 / z for recipes that learn relative depth."""
    sky: Literal["ignore", "far", "limit"] = "ignore"
    """What 65535 is: masked; valid with disparity 0 (in disparity); or a surface at ``full_scale_m``, as in training code
    that knows no mask."""
    missing_depth: Literal["refuse", "leave_out"] = "refuse"
    """Pictures without a depth file: refuse them by name, or leave them out with a warning (partial downloads)."""
    class_ids: str = ""
    """Numbers in the segmentation that differ from the known ones, e.g. ``trees=4,animals=7``."""
    val_fraction: float = 0.1
    """In the short layout, the share of frames held out as ``val``, in whole flights."""


class DdosTruth(NamedTuple):
    """How stored depth becomes truth: ``full_scale_m``, the space, and whether 65535 is a surface there."""

    full_scale_m: float
    space: TruthSpace
    saturated_is_surface: bool


@dataclass(frozen=True, slots=True)
class Ddos:
    """Frames by split, environment, flight and number, 2 before 10."""

    frames: tuple[Frame, ...]
    truth: DdosTruth
    class_ids: Mapping[str, int]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH})

    def __len__(self) -> int:
        return len(self.frames)

    def key(self, index: int, /) -> str:
        """The picture's path below the data folder, e.g. ``train/park/33/image/7.png``."""
        return self.frames[index].key

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) in metres or 1/m, valid (H, W).

        Raises:
            DataError: an unreadable file, depth that is not 16-bit of one channel, or of another size than the picture.
        """

        def decode(raw: NDArray[Any], path: Path) -> Decoded:
            return decode_ddos(raw, path, self.truth)

        return read_frame(self.frames[index], decode, dataset=self.name, kind=self.truth.space.kind)

    def annotations(self, index: int, /) -> DdosAnnotations:
        """The class numbers (H, W) of frame ``index``; none, which is said once, where its flight has no segmentation.

        Raises:
            DataError: the flight has a segmentation but not of this frame; and as ``read_class_ids``.
        """
        picture = self.frames[index].image
        folder = picture.parent.parent / "segmentation"
        if not is_folder(folder):
            _say_unclassified(folder.parent.parent.parent)
            return DdosAnnotations(None, self.class_ids)
        path = folder / picture.name
        if not exists(path):
            raise DataError(
                expected="a segmentation of every frame of the flight", got=f"no {path}", remedy="download it as well"
            )
        return DdosAnnotations(read_class_ids(path, image_size(picture), self.class_ids), self.class_ids)


def open_ddos(request: DatasetRequest) -> Ddos:
    """Open DDOS, whole or in part: ``root`` holds ``data/train/neighbourhood/0/image/0.png`` and the like.

    Splits: ``train``, ``val`` (folder ``validation``, a name it also has) and ``test`` are the folders of the release;
    ``all`` (default) is what is there.  The short layout has ``all``, and ``train`` and ``val`` divided by whole flights.

    Raises:
        UsageError: unknown split, option, environment, flight or class; a scale or limit that is none; no root.
        DataError: no such folder, a flight in two splits, pictures without depth, nothing left by the options.
    """
    settings = settings_from(DdosSettings, NAME, request.options)
    truth, class_ids = _truth(settings), class_ids_from(settings.class_ids)
    require(settings.limit >= 0, "a limit of 0 (all frames) or more", settings.limit, "e.g. limit=500")
    known = ("all", "train", "val", "validation") + (("test",) if settings.layout == "official" else ())
    split = required_split(NAME, request, known).replace("validation", "val")
    if request.listing is not None:
        remedy = "choose frames with the options flights and limit"
        raise UsageError(expected="no list for dataset 'ddos'", got=str(request.listing), remedy=remedy)
    data = data_folder(required_root(NAME, request), settings.layout)
    flights = flights_below(data, settings.layout)
    require_separated(flights)
    if settings.layout == "official" and split != "all":
        flights = [flight for flight in flights if flight.split_folder == SPLIT_FOLDERS[split]]
        require_some(len(flights), dataset=NAME, where=data / SPLIT_FOLDERS[split])
    flights = wanted_flights(flights, environments=settings.environments, chosen=settings.flights)
    frames = _frames(flights, settings)
    if settings.layout == "short" and split != "all":
        groups = [frame.key.partition("/image/")[0] for frame in frames]
        kept, held = hold_out(groups, fraction=settings.val_fraction)
        frames = [frames[index] for index in (held if split == "val" else kept)]
    require_some(len(frames), dataset=NAME, where=f"{data}, split '{split}', with these options")
    if settings.limit:
        frames = [frames[index] for index in EvenSubset.indices(len(frames), settings.limit)]
    return Ddos(tuple(frames), truth, class_ids)


def decode_ddos(raw: NDArray[Any], path: Path, truth: DdosTruth) -> Decoded:
    """Stored (H, W) 16-bit numbers -> float32 values in the space of ``truth`` and mask; 0 is no depth.

    Raises:
        DataError: not 16-bit.
    """
    if raw.dtype != np.uint16:
        raise DataError(
            expected="a 16-bit depth PNG of DDOS, 100 m at 65535",
            got=f"{path} with {raw.dtype}",
            remedy="take the depth of the release, not an 8-bit or coloured copy",
        )
    depth_m, known = decode_linear(raw, scale=truth.full_scale_m / SATURATED)
    sky = np.zeros_like(known) if truth.saturated_is_surface else raw == SATURATED
    return truth.space.stated(depth_m, valid=known, sky=sky)


def _truth(settings: DdosSettings) -> DdosTruth:
    scale = settings.full_scale_m
    require(math.isfinite(scale) and scale > 0, "full_scale_m in metres, above 0", scale, "leave it out for 100")
    space = TruthSpace(settings.space, "far" if settings.sky == "far" else "ignore")
    return DdosTruth(scale, space, settings.sky == "limit")


def _frames(flights: Sequence[Flight], settings: DdosSettings) -> list[Frame]:
    """Every picture with its depth file; what has none is refused, or left out and named."""
    blind, missing, frames = [], [], []
    for flight in flights:
        depth = flight.files("depth")
        if not depth:
            blind.append(flight.name)
            continue
        for picture in flight.pictures:
            path = flight.folder / "depth" / picture
            if picture in depth:
                frames.append(Frame(f"{flight.name}/image/{picture}", flight.folder / "image" / picture, path))
            else:
                missing.append(path)
    if settings.missing_depth == "refuse":
        _refuse(blind, missing, len(flights), len(frames))
    for what, names in (("flights without depth", blind), ("pictures without depth", missing)):
        if names:
            logger.warning("%s are left out (%d): %s", what, len(names), ", ".join(str(name) for name in names[:5]))
    return frames


def _refuse(blind: Sequence[str], missing: Sequence[Path], flights: int, found: int) -> None:
    remedy = "download it too, or add the option missing_depth=leave_out"
    if blind:
        got = f"{len(blind)} of {flights} flights without any, the first {blind[0]}"
        raise DataError(expected="depth files in every flight of DDOS", got=got, remedy=remedy)
    if missing:
        got = f"{len(missing)} of {found + len(missing)} missing, the first {missing[0]}"
        raise DataError(expected="a depth file for every picture of DDOS", got=got, remedy=remedy)


@cache
def _say_unclassified(above: Path) -> None:
    logger.warning("there are flights without segmentation below %s; errors of classes leave their frames out", above)
