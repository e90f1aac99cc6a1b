# SPDX-License-Identifier: Apache-2.0
"""A folder of pictures goes in, perhaps with a list; samples without depth come out, sorted by path or as listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.frame import read_image_tensor, require_files, require_some
from leadline.data.nyu_list import read_text
from leadline.data.picture_folder import find_pictures, say_what_is_ignored
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from

if TYPE_CHECKING:
    from pathlib import Path

NAME = "image_folder"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFolderSettings:
    """Dataset ``image_folder`` has no options."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """Pictures below one folder."""

    root: Path
    names: tuple[str, ...]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE})

    def __len__(self) -> int:
        return len(self.names)

    def key(self, index: int, /) -> str:
        """The picture's path relative to the folder."""
        return self.names[index]

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1] and no depth.  DataError for a picture that cannot be read."""
        return Sample(key=self.names[index], dataset=self.name, image=read_image_tensor(self.root / self.names[index]))


def open_image_folder(request: DatasetRequest) -> ImageFolder:
    """Open every picture below ``root``, recursively, hidden ones left out, or those that ``listing`` names, in its order.

    Other files below ``root`` are ignored and counted in one warning.  A list has one path per line, relative to ``root``;
    empty lines are passed over, ``.gz`` is unpacked.  Only split: ``all``.

    Raises:
        UsageError: another split, any option, no root.
        DataError: no pictures; a listed path that leads out of ``root``, is there twice, or does not exist.
    """
    settings_from(ImageFolderSettings, NAME, request.options)
    required_split(NAME, request, ("all",))
    root = required_root(NAME, request)
    if request.listing is None:
        found = find_pictures(root)
        say_what_is_ignored(root, found)
        names = found.names
    else:
        names = _listed(request.listing, root)
    require_some(len(names), dataset=NAME, where=request.listing or root)
    return ImageFolder(root, names)


def _listed(listing: Path, root: Path) -> tuple[str, ...]:
    places: dict[str, str] = {}
    for number, line in enumerate(read_text(listing).splitlines(), start=1):
        name, place = line.strip().replace("\\", "/"), f"line {number}"
        if not name:
            continue
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) in places:
            raise DataError(
                expected=f"paths below {root}, each once",
                got=f"{name!r} in {place} of {listing}" + (f", as in {places[str(path)]}" if str(path) in places else ""),
                remedy="write them relative to the root folder",
            )
        places[str(path)] = place
    require_files([root / name for name in places], list(places.values()), listing=str(listing), root=root)
    return tuple(places)
