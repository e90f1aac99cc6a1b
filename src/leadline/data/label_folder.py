# SPDX-License-Identifier: Apache-2.0
"""A folder of labels: the job, its shards' names and manifest lines enter and leave as JSON; no label is opened.

``labels.json`` says once what all labels have in common.  Each shard is ``shard-NNNNNN.tar`` with the labels and
``shard-NNNNNN.jsonl`` with a line per picture and a closing line that counts them.  The ``.jsonl`` is written last: where it
is, its shard is done.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.contracts.manifest import LabelLine, LabelQuality
from leadline.data.json_text import parse_json
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

JOB_FILE = "labels.json"
FORMAT = 1
_MANIFEST_NAME = re.compile(r"shard-(\d{6,})\.jsonl", re.ASCII)
_TAIL_BYTES = 8192  # of a closing line, which is a few hundred


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelJob:
    """What all labels of a folder have in common.

    Attributes:
        model: what the model is called, in every line.
        weights_sha256: of its numbers.
        kind: the claim of all labels.
        settings: everything else that a label depends on, as plain JSON values.
        settings_sha256: of ``settings``.
        leadline: the version that began the job.
    """

    model: str
    weights_sha256: str
    kind: DepthKind
    settings: Mapping[str, Any]
    settings_sha256: str
    leadline: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardRecord:
    """The closing line of a shard's manifest.

    Attributes:
        shard: what the source calls the shard.
        index: its place among the shards of the job, which is the number in its file names.
        pictures: lines before this one.
        labels, dropped, unreadable: pictures with a label, without one by a filter, and those that could not be read.
        dead, all_sky: labels that are constant, and those that are sky alone.
        tar_sha256: of the tar's bytes.
        first, last: keys of its first and last picture, None of an empty shard.
    """

    shard: str
    index: int
    pictures: int
    labels: int
    dropped: int
    unreadable: int
    dead: int
    all_sky: int
    tar_sha256: str
    first: str | None
    last: str | None


def tar_path(folder: Path, index: int) -> Path:
    """Where the labels of shard ``index`` lie."""
    return folder / f"shard-{index:06}.tar"


def manifest_path(folder: Path, index: int) -> Path:
    """Where their lines lie."""
    return folder / f"shard-{index:06}.jsonl"


def done_shards(folder: Path) -> set[int]:
    """Indices of the shards that are done; the folder is listed once and no file is opened."""
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208  (names are all that is wanted)
    return {int(found[1]) for name in names if (found := _MANIFEST_NAME.fullmatch(name))}


def write_job(folder: Path, job: LabelJob) -> None:
    """Write ``labels.json``, atomically.  StorageError when it cannot be written."""
    content = {"format": FORMAT, **asdict(job), "kind": job.kind.value}
    with atomically(folder / JOB_FILE) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


def read_job(folder: Path) -> LabelJob | None:
    """The job of a folder, None where none was begun.  DataError for a damaged or later ``labels.json``."""
    path = folder / JOB_FILE
    if not path.is_file():
        return None
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        if content.pop("format") > FORMAT:
            raise DataError(expected=f"labels of format {FORMAT}", got=f"{path} of a later one", remedy="update leadline")
        return LabelJob(**{**content, "kind": DepthKind(content["kind"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(str(path), str(error), "restore it from a copy, or label into another folder") from error


def write_manifest(path: Path, lines: Iterable[LabelLine], record: ShardRecord) -> None:
    """Write all lines of a shard and close it, atomically.  StorageError when it cannot be written."""
    with atomically(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        for line in lines:
            file.write(json.dumps({**asdict(line), "kind": line.kind.value}) + "\n")
        file.write(json.dumps({"closing": asdict(record)}) + "\n")


def read_record(path: Path) -> ShardRecord:
    """The closing line, without reading the others.  DataError where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            last = file.read().decode("ascii").rstrip("\n").rpartition("\n")[2]
        return ShardRecord(**parse_json(last)["closing"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(str(path), f"no closing line: {error}", "delete it and run `leadline label` again") from error


def read_manifest_lines(path: Path) -> Iterator[LabelLine]:
    """The lines of a finished shard, one by one.

    Raises:
        DataError: a line that cannot be read as one, or another number of lines than the last one counts.
    """
    known = [field.name for field in fields(LabelLine)]
    count = 0
    with path.open(encoding="ascii", errors="replace") as file:
        for number, text in enumerate(file, start=1):
            try:
                content = parse_json(text)
                if "closing" in content:
                    if content["closing"]["pictures"] != count:
                        raise ValueError(f"{count} lines before a closing line of {content['closing']['pictures']}")
                    return
                yield _line({name: content[name] for name in known})
            except (ValueError, KeyError, TypeError) as error:
                place = f"line {number} of {path}"
                raise _broken(place, str(error), "delete the file and run `leadline label` again") from error
            count += 1
    raise _broken(str(path), "no closing line", "delete the file and run `leadline label` again")


def _line(content: dict[str, Any]) -> LabelLine:
    quality = content["quality"]
    sizes = {name: None if content[name] is None else tuple(content[name]) for name in ("picture_size_px", "label_size_px")}
    return LabelLine(
        **{
            **content,
            **sizes,
            "kind": DepthKind(content["kind"]),
            "quality": None if quality is None else LabelQuality(**quality),
        }
    )


def _broken(place: str, why: str, remedy: str) -> DataError:
    return DataError(expected="labels as `leadline label` writes them", got=f"{place} ({why})", remedy=remedy)
