# SPDX-License-Identifier: Apache-2.0
"""Pictures, and the labels that ``leadline label`` made of them, go in; samples whose depth covers the picture come out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import POSITIVE_KINDS
from leadline.data.frame import image_tensor, require_some
from leadline.data.hold_out import hold_out
from leadline.data.label_folder import tar_path
from leadline.data.label_table import LabelTable, WhichLabels, read_label_table
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.data.tar_cache import indexed
from leadline.data.tar_index import BROKEN_TAR, TAR_SUFFIXES, TarIndex, open_stream, read_member, unreadable_tar
from leadline.rasters.images import decode_image
from leadline.rasters.label_codec import LabelType, decode_label
from leadline.transforms.resampling import resize_prediction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

NAME = "pseudo_labels"


@dataclass(frozen=True, kw_only=True, slots=True)
class PseudoLabelSettings:
    """Options of dataset ``pseudo_labels``."""

    labels: str = ""
    """The folder that ``leadline label`` wrote."""
    model: str = ""
    """The model that must have made them: its name, or the first 8 or more digits of the SHA-256 of its weights."""
    kind: Literal["", "metric", "scale_invariant", "affine_depth", "affine_disparity", "stereo_disparity"] = ""
    """What they must be."""
    min_valid: float = 0.0
    """Leave out labels with a smaller share of valid pixels."""
    drop_dead: bool = False
    """Leave out labels that are one value everywhere."""
    val_fraction: float = 0.1
    """Share held out as ``val``; folder by folder, or tar by tar."""


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """Pictures with the labels of one job.  Items are pure functions of disk; nothing is held open between them."""

    root: Path
    labels: Path
    table: LabelTable
    chosen: NDArray[np.int64]
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH})

    def __len__(self) -> int:
        return len(self.chosen)

    def key(self, index: int, /) -> str:
        """The picture's key, as datasets ``image_folder`` and ``shards`` have it."""
        return self.table.key(int(self.chosen[index]))

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1]; depth and valid (H, W), the label brought to the picture's size.

        Raises:
            DataError: picture or label cannot be read, or is not the one that was labelled or written; the size of the label
                is not what its manifest says.
        """
        row, key = self.table.rows[int(self.chosen[index])], self.key(index)
        stored = self._picture(row, key)
        if hashlib.sha256(stored).digest() != bytes(row["image_sha256"]):
            raise DataError(
                expected=f"the picture that was labelled as {key}",
                got=f"other bytes, perhaps of another geometry, in {self.root}",
                remedy="restore the picture, or label the new ones into another folder",
            )
        image = image_tensor(decode_image(stored, key))
        depth, valid = self._label(row, key, (image.shape[1], image.shape[2]))
        return Sample(key=key, dataset=self.name, image=image, depth=depth, valid=valid, kind=self.table.job.kind)

    def _picture(self, row: np.void, key: str) -> bytes:
        shard = self.table.sources[int(row["shard"])]
        if not shard.lower().endswith(TAR_SUFFIXES):
            return _read(self.root / key)
        tar, which = self.root / shard, int(row["which"])
        index = _index_of(tar)
        if which >= len(index) or f"{shard}/{index.name(which)}" != key:
            raise DataError(
                expected=f"{key} where it lay when it was labelled",
                got=f"another content of {tar}",
                remedy="restore the tar",
            )
        try:
            with open_stream(tar) as stream:
                return read_member(stream, tar, index, which)
        except BROKEN_TAR as error:
            raise unreadable_tar(tar, error) from error

    def _label(self, row: np.void, key: str, size_px: tuple[int, int]) -> tuple[Tensor, Tensor]:
        tar = tar_path(self.labels, int(row["shard"]))
        data = _read(tar, start=int(row["start"]), count=int(row["bytes"]))
        name = f"the label of {key} in {tar}"
        if hashlib.sha256(data).digest() != bytes(row["label_sha256"]):
            raise _damaged(name, "other bytes than were written")
        settings = self.table.job.settings
        dtype = cast("LabelType", settings["dtype"])
        values, valid = decode_label(data, dtype=dtype, scale=float(row["scale"]), offset=float(row["offset"]), name=name)
        if values.shape != tuple(row["label_px"]) or not _covers(values.shape, size_px, multiple=int(settings["multiple"])):
            raise _damaged(name, f"{values.shape[0]}x{values.shape[1]} for a picture of {size_px[0]}x{size_px[1]}")
        values[~valid] = float("nan")
        depth = torch.from_numpy(values)
        if depth.shape != size_px:
            depth = resize_prediction(depth, *size_px)
        known = torch.isfinite(depth)
        if self.table.job.kind in POSITIVE_KINDS:
            known &= depth > 0
        return torch.where(known, depth, 0.0), known


def open_pseudo_labels(request: DatasetRequest) -> PseudoLabels:
    """Open the labels in the folder ``labels`` of the pictures below ``root``, as they were given to ``leadline label``.

    For a single tar, ``root`` is the folder that holds it.  Splits: ``all`` (default); ``train`` and ``val`` divide it by
    the pictures' folders, or tars.  Pictures that were unreadable or whose labels were dropped are left out.

    Raises:
        UsageError: no ``labels``, an unknown option or split, no root.
        DataError, ContractError: see ``read_label_table``.
    """
    settings = settings_from(PseudoLabelSettings, NAME, request.options)
    root = required_root(NAME, request)
    split = required_split(NAME, request, ("all", "train", "val"))
    if not settings.labels:
        raise UsageError(
            expected=f"option 'labels' of dataset '{NAME}'", got="none", remedy="name the folder that `leadline label` wrote"
        )
    which = WhichLabels(model=settings.model, kind=settings.kind, min_valid=settings.min_valid, drop_dead=settings.drop_dead)
    labels = Path(settings.labels)
    table = read_label_table(labels, which)
    require_some(len(table), dataset=NAME, where=labels)
    return PseudoLabels(root, labels, table, _of_split(table, split, settings.val_fraction))


def _of_split(table: LabelTable, split: str, fraction: float) -> NDArray[np.int64]:
    import numpy as np

    if split == "all":
        return np.arange(len(table))
    kept, held = hold_out([table.key(index).rpartition("/")[0] for index in range(len(table))], fraction=fraction)
    chosen = np.array(held if split == "val" else kept, np.int64)
    require_some(len(chosen), dataset=NAME, where=f"split '{split}' at val_fraction={fraction:g}")
    return chosen


def _covers(label_px: tuple[int, ...], picture_px: tuple[int, int], *, multiple: int) -> bool:
    """Whether a label can be the whole picture: of its size, or of its shape up to the rounding of both sides."""
    (h, w), (H, W) = label_px, picture_px
    return (h, w) == (H, W) or abs(h / H - w / W) <= multiple * max(1 / H, 1 / W)


@lru_cache(maxsize=256)
def _index_of(tar: Path) -> TarIndex:
    return indexed(tar)


def _read(path: Path, *, start: int = 0, count: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(count)
    except OSError as error:
        raise DataError(
            expected="a file that can be read", got=f"{path} ({error.strerror or error})", remedy="restore it"
        ) from error


def _damaged(name: str, why: str) -> DataError:
    return DataError(
        expected="a label as `leadline label` wrote it",
        got=f"{name} ({why})",
        remedy="delete its shard's .jsonl and run `leadline label` again",
    )
