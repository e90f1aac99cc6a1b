# SPDX-License-Identifier: Apache-2.0
"""The shards there are and the folder of labels enter; which are done and which are still to do leaves.

No picture, tar or model is opened: a finished shard is asked for its closing line alone.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.data.label_folder import ShardRecord, done_shards, manifest_path, read_record
from leadline.data.picture_shards import FolderShard
from leadline.rasters.atomic import not_written

if TYPE_CHECKING:
    from leadline.data.picture_shards import PictureShard

_LOCK = ".lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One job's shards.

    Attributes:
        shards: all of them, in order.
        done: closing lines of those that are done, by index.
        pending: the others, in order.
    """

    shards: Sequence[PictureShard]
    done: Mapping[int, ShardRecord]
    pending: Sequence[PictureShard]

    def share(self, *, rank: int, world: int) -> Plan:
        """One rank's part, the same whatever is done already: every ``world``-th shard from ``rank`` on."""
        shards = list(self.shards[rank::world])
        mine = {shard.index for shard in shards}
        return Plan(
            shards=shards,
            done={index: record for index, record in self.done.items() if index in mine},
            pending=[shard for shard in self.pending if shard.index in mine],
        )


def make_plan(shards: Sequence[PictureShard], out: Path) -> Plan:
    """What is left to do.

    Raises:
        UsageError: a finished shard was made of other pictures than the source has in its place now.
        DataError: the manifest of a finished shard has no closing line.
    """
    finished = done_shards(out)
    done: dict[int, ShardRecord] = {}
    pending: list[PictureShard] = []
    for shard in shards:
        if shard.index not in finished:
            pending.append(shard)
            continue
        record = read_record(manifest_path(out, shard.index))
        _refuse_other_pictures(shard, record, out)
        done[shard.index] = record
    if beyond := finished - {shard.index for shard in shards}:
        raise _other_pictures(out, f"a finished shard {min(beyond)}, where the source has {len(shards)} shards")
    return Plan(shards=shards, done=done, pending=pending)


def remove_leftovers(out: Path, shards: Sequence[PictureShard]) -> None:
    """Remove what killed workers left half written of ``shards``; to be called by whoever alone works on these."""
    stems = {manifest_path(out, shard.index).stem for shard in shards}
    for path in out.glob(".shard-*.partial.*"):
        if path.name[1:].partition(".")[0] in stems:
            with suppress(OSError):
                path.unlink(missing_ok=True)


@contextmanager
def alone_in(out: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep others out of a folder of labels for as long as the block lasts; the system lets go when the process dies.

    Args:
        out: the folder.
        shared: beside others that say so too: ranks, of which each has its own shards.

    Raises:
        UsageError: a job is at work there.
        StorageError: the folder cannot be written.
    """
    try:
        file = (out / _LOCK).open("a")
    except OSError as error:
        raise not_written(f"to write into {out}", error) from error
    with file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                expected=f"{out} to be free",
                got="another job that is labelling into it",
                remedy="wait for its end, stop it, or give both --executor rank, each with its rank",
            ) from error
        except OSError:  # a file system without locks: two jobs at once cost time, not correctness
            pass
        yield


def _refuse_other_pictures(shard: PictureShard, record: ShardRecord, out: Path) -> None:
    now: tuple[object, ...] = (shard.name, shard.index)
    then: tuple[object, ...] = (record.shard, record.index)
    if isinstance(shard, FolderShard):
        now = (*now, shard.count, shard.names[0], shard.names[-1])
        then = (*then, record.pictures, record.first, record.last)
    if now != then:
        raise _other_pictures(out, f"shard {shard.index} was {_words(then)}, is {_words(now)}")


def _words(facts: tuple[object, ...]) -> str:
    name, _, *rest = facts
    return f"{name}" + (f" with {rest[0]} pictures from {rest[1]} to {rest[2]}" if rest else "")


def _other_pictures(out: Path, got: str) -> UsageError:
    return UsageError(
        expected=f"the pictures that {out} was begun with",
        got=got,
        remedy="label new pictures into another folder, or restore the old ones",
    )
