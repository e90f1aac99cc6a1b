# SPDX-License-Identifier: Apache-2.0
"""A folder of pictures goes in, samples without depth come out, sorted by path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.sample import Field, Sample
from leadline.data.frame import read_image_tensor, require_some
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.images import list_images

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
    paths: tuple[Path, ...]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE})

    def __len__(self) -> int:
        return len(self.paths)

    def key(self, index: int, /) -> str:
        """The picture's path relative to the folder."""
        return self.paths[index].relative_to(self.root).as_posix()

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1] and no depth.  DataError for a picture that cannot be read."""
        return Sample(key=self.key(index), dataset=self.name, image=read_image_tensor(self.paths[index]))


def open_image_folder(request: DatasetRequest) -> ImageFolder:
    """Open every picture below ``root``, recursively, hidden ones left out.  Only split: ``all``.

    Raises:
        UsageError: another split, any option, no root.
        DataError: no pictures.
    """
    settings_from(ImageFolderSettings, NAME, request.options)
    required_split(NAME, request, ("all",))
    root = required_root(NAME, request)
    paths = tuple(list_images(root))
    require_some(len(paths), dataset=NAME, where=root)
    return ImageFolder(root, paths)
