# SPDX-License-Identifier: Apache-2.0
"""A folder of labels enters; a compact table of them, checked to be of one model, leaves: about 150 bytes for each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.suggestions import did_you_mean
from leadline.data.label_folder import (
    JOB_FILE,
    LabelJob,
    done_shards,
    manifest_path,
    read_job,
    read_manifest_lines,
    read_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.manifest import LabelLine, LabelQuality

logger = logging.getLogger(__name__)

_COLUMNS: list[tuple[str, Any]] = [
    ("shard", np.int32),
    ("which", np.int32),
    ("start", np.int64),
    ("bytes", np.int32),
    ("scale", np.float64),
    ("offset", np.float64),
    ("label_px", np.int32, (2,)),  # type: ignore[list-item]
    ("image_sha256", np.void, 32),  # type: ignore[list-item]
    ("label_sha256", np.void, 32),  # type: ignore[list-item]
]
_SHORTEST_DIGEST = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class WhichLabels:
    """Which labels of a folder are wanted.

    Attributes:
        model: what the user declares them to be made by; empty takes any.
        kind: what the user declares them to be; empty takes any.
        min_valid: the least share of valid pixels.
        drop_dead: leave out labels that are one value everywhere.
    """

    model: str = ""
    kind: str = ""
    min_valid: float = 0.0
    drop_dead: bool = False

    def take(self, quality: LabelQuality | None) -> bool:
        """Whether a label of this quality is wanted."""
        return quality is not None and quality.valid_fraction >= self.min_valid and not (self.drop_dead and quality.dead)


@dataclass(frozen=True, slots=True)
class LabelTable:
    """N labels in the order of shards and of pictures in them.

    Attributes:
        job: what they have in common.
        keys: (N,) bytes, the pictures' keys in UTF-8.
        rows: (N,) of shard, place among the shard's pictures, place and size in its tar, decoding, (h, w), digests.
        sources: shard index -> what the pictures' source calls it.
    """

    job: LabelJob
    keys: NDArray[np.bytes_]
    rows: NDArray[np.void]
    sources: dict[int, str]

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int) -> str:
        """The key of the picture of label ``index``."""
        return bytes(self.keys[index]).decode(errors="surrogateescape")


def read_label_table(folder: Path, which: WhichLabels) -> LabelTable:
    """Read the manifests of all finished shards below ``folder``; no label is opened.

    Raises:
        DataError: no labels there, made by another model than declared, lines of different models or kinds, or damage.
        ContractError: labels of another kind than declared.
    """
    job = read_job(folder)
    if job is None:
        raise DataError(
            expected=f"{JOB_FILE} in a folder that `leadline label` wrote", got=f"none in {folder}", remedy="check the path"
        )
    _refuse_undeclared(job, which, folder)
    keys: list[bytes] = []
    rows: list[tuple[Any, ...]] = []
    sources: dict[int, str] = {}
    left_out = 0
    for index in sorted(done_shards(folder)):
        path = manifest_path(folder, index)
        sources[index] = read_record(path).shard
        for place, line in enumerate(_checked_lines(path, job)):
            if line.label is None or not which.take(line.quality):
                left_out += 1
                continue
            keys.append(line.image.encode(errors="surrogateescape"))
            rows.append(_row(index, place, line))
    if left_out:
        logger.info("%d pictures of %s have no label or one that was not wanted, and are left out", left_out, folder)
    return LabelTable(job, np.array(keys, dtype=np.bytes_), np.array(rows, dtype=np.dtype(_COLUMNS)), sources)


def _refuse_undeclared(job: LabelJob, which: WhichLabels, folder: Path) -> None:
    name, _, digest = job.model.rpartition("@")
    by_digest = len(which.model) >= _SHORTEST_DIGEST and job.weights_sha256.startswith(which.model)
    if which.model and which.model not in (job.model, name) and not by_digest:
        raise DataError(
            expected=f"labels by {which.model}, as declared",
            got=f"labels by {job.model} (weights {digest}...) in {folder}",
            remedy=did_you_mean(which.model, [name], otherwise="declare the right model, or name the right folder"),
        )
    if which.kind and which.kind != job.kind.value:
        raise ContractError(
            expected=f"labels of kind {which.kind}, as declared",
            got=f"{job.kind.value} in {folder}",
            remedy="declare what they are, or label with a model of that kind",
        )


def _checked_lines(path: Path, job: LabelJob) -> Iterator[LabelLine]:
    for number, line in enumerate(read_manifest_lines(path), start=1):
        if (line.weights_sha256, line.settings_sha256, line.kind) != (job.weights_sha256, job.settings_sha256, job.kind):
            raise DataError(
                expected=f"labels by {job.model} of kind {job.kind.value}, as {JOB_FILE} says",
                got=f"line {number} of {path} by {line.model} of kind {line.kind.value}, or with other settings",
                remedy="keep the labels of each job in a folder of its own",
            )
        yield line


def _row(index: int, place: int, line: LabelLine) -> tuple[Any, ...]:
    digests = (bytes.fromhex(line.image_sha256), bytes.fromhex(line.label_sha256 or ""))
    return (index, place, line.label_start, line.label_bytes, line.scale, line.offset, line.label_size_px, *digests)
