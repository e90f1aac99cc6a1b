# SPDX-License-Identifier: Apache-2.0
"""One shard of pictures enters; its labels and its manifest leave, whole or not at all, and the same bytes every time.

This is the one function that every executor runs.  What it writes depends on the pictures and on the settings of the job
alone: members stand in the order of the pictures, and pictures share a forward pass only with those before and after them in
the shard, in runs of ``batch_size``.  The manifest is written last: killed at any moment, the function leaves a shard that
is not done, and doing it again replaces whatever was there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from leadline.contracts.errors import DataError
from leadline.contracts.manifest import LabelLine
from leadline.data.label_folder import ShardRecord, manifest_path, tar_path, write_manifest
from leadline.labelling.label_tar import MemberNames, label_tar
from leadline.labelling.quality import is_all_sky, quality_of, reason_to_drop
from leadline.rasters.atomic import atomically
from leadline.rasters.images import decode_image
from leadline.rasters.label_codec import SUFFIXES, encode_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthMap
    from leadline.data.label_folder import LabelJob
    from leadline.data.picture_shards import PictureShard
    from leadline.labelling.request import LabelRequest

OnPictures = Callable[[int], None]


class Labels(Protocol):
    """What turns pictures into maps; ``leadline.labelling.labeller.Labeller`` does."""

    def check_size(self, picture: NDArray[np.uint8]) -> None:
        """Refuse a picture that could not be labelled.  DataError."""
        ...

    def label(self, pictures: Sequence[NDArray[np.uint8]]) -> list[DepthMap]:
        """One map per picture, in order."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """A picture on its way: its key, its digest, the label's member, and its pixels or why there are none."""

    key: str
    sha256: str
    member: str
    rgb: NDArray[np.uint8] | None
    error: str | None


@dataclass(slots=True)
class _Written:
    """Lines of one shard, and what they count."""

    lines: list[LabelLine] = field(default_factory=list)

    def record(self, shard: PictureShard, tar_sha256: str) -> ShardRecord:
        qualities = [line.quality for line in self.lines if line.quality is not None]
        return ShardRecord(
            shard=shard.name,
            index=shard.index,
            pictures=len(self.lines),
            labels=sum(line.label is not None for line in self.lines),
            dropped=sum(line.dropped is not None for line in self.lines),
            unreadable=sum(line.error is not None for line in self.lines),
            dead=sum(quality.dead for quality in qualities),
            all_sky=sum(is_all_sky(quality) for quality in qualities),
            tar_sha256=tar_sha256,
            first=self.lines[0].image if self.lines else None,
            last=self.lines[-1].image if self.lines else None,
        )


def label_shard(
    labels: Labels, shard: PictureShard, request: LabelRequest, job: LabelJob, on_pictures: OnPictures | None = None
) -> ShardRecord:
    """Label one shard and write its two files into ``request.out``.

    Args:
        labels: the opened model.
        shard: the pictures.
        request: settings and policy.
        job: whose names the lines carry.
        on_pictures: told after each forward pass how many pictures were finished.

    Raises:
        DataError: the shard cannot be read; or one picture, where the policy is "stop"; two labels of one name.
        StorageError: the folder cannot be written.
    """
    written = _Written()
    with atomically(tar_path(request.out, shard.index)) as temporary, label_tar(temporary) as tar:
        for entries in _windows(_entries(labels, shard, request), request.batch_size):
            for line, data in _labelled(labels, entries, request, job):
                start = None if line.label is None else tar.add(line.label, data)
                written.lines.append(replace(line, label_start=start))
            if on_pictures is not None:
                on_pictures(len(entries))
    record = written.record(shard, tar.sha256)
    write_manifest(manifest_path(request.out, shard.index), written.lines, record)
    return record


def _entries(labels: Labels, shard: PictureShard, request: LabelRequest) -> Iterator[_Entry]:
    names = MemberNames(shard.name, SUFFIXES[request.dtype])
    for key, data in shard.pictures():
        rgb, error = None, None
        try:
            rgb = decode_image(data, key)
            labels.check_size(rgb)
        except DataError as refusal:
            if request.on_unreadable == "stop":
                raise
            rgb, error = None, str(refusal)
        yield _Entry(key=key, sha256=hashlib.sha256(data).hexdigest(), member=names.of(key), rgb=rgb, error=error)


def _windows(entries: Iterator[_Entry], size: int) -> Iterator[list[_Entry]]:
    window: list[_Entry] = []
    for entry in entries:
        window.append(entry)
        if len(window) == size:
            yield window
            window = []
    if window:
        yield window


def _labelled(
    labels: Labels, entries: list[_Entry], request: LabelRequest, job: LabelJob
) -> Iterator[tuple[LabelLine, bytes]]:
    maps = iter(labels.label([entry.rgb for entry in entries if entry.rgb is not None]))
    for entry in entries:
        if entry.rgb is None:
            yield _unlabelled(entry, request, job), b""
        else:
            height, width = entry.rgb.shape[:2]
            yield _line(_unlabelled(entry, request, job, (height, width)), entry.member, next(maps), request)


def _unlabelled(
    entry: _Entry, request: LabelRequest, job: LabelJob, picture_size_px: tuple[int, int] | None = None
) -> LabelLine:
    return LabelLine(
        image=entry.key,
        image_sha256=entry.sha256,
        label=None,
        label_sha256=None,
        label_start=None,
        label_bytes=None,
        picture_size_px=picture_size_px,
        label_size_px=None,
        dtype=request.dtype,
        scale=None,
        offset=None,
        kind=job.kind,
        model=job.model,
        weights_sha256=job.weights_sha256,
        settings_sha256=job.settings_sha256,
        quality=None,
        error=entry.error,
    )


def _line(line: LabelLine, member: str, depth: DepthMap, request: LabelRequest) -> tuple[LabelLine, bytes]:
    quality = quality_of(depth)
    height, width = depth.values.shape
    judged = replace(line, quality=quality, label_size_px=(height, width))
    dropped = reason_to_drop(quality, min_valid=request.min_valid, drop_dead=request.drop_dead)
    if dropped is not None:
        return replace(judged, dropped=dropped), b""
    stored = encode_label(depth.values, depth.valid, request.dtype)
    labelled = replace(
        judged,
        label=member,
        label_sha256=hashlib.sha256(stored.data).hexdigest(),
        label_bytes=len(stored.data),
        scale=stored.scale,
        offset=stored.offset,
    )
    return labelled, stored.data
