# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D frames from a JSON list or the folder tree, and the official split: paths relative to the root come out."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from leadline.contracts.errors import DataError
from leadline.data.json_text import parse_json
from leadline.data.mat_file import read_mat_variable
from leadline.data.nyu_list import read_text
from leadline.rasters.images import IMAGE_SUFFIXES

_IMAGE_KEYS = ("image", "rgb", "rgb_path", "image_path")
_DEPTH_KEYS = ("depth", "depth_path")
_FILLED_KEYS = ("depth_bfx", "depth_bfx_path")


@dataclass(frozen=True, slots=True)
class ListedFrame:
    """One frame: where in the list it stands, and the paths of picture, depth and filled depth (None where not listed)."""

    place: str
    image: str
    depth: str
    depth_bfx: str | None


def read_json_list(path: Path) -> list[ListedFrame]:
    """Read ``[{"image", "depth", "depth_bfx"?, "annotations"?}, ...]`` or an object with exactly one such list inside.

    The names ``rgb``, ``rgb_path``, ``image_path``, ``depth_path``, ``depth_bfx_path`` do as well; annotations are not read.

    Raises:
        DataError: no JSON, no such list, or an entry without picture or depth (named by its number, from 1).
    """
    try:
        content = parse_json(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            expected="JSON", got=f"{path}, broken at line {error.lineno}: {error.msg}", remedy="write the list again"
        ) from error
    entries = _the_list(content, path)
    return [_listed(entry, f"entry {number}", path) for number, entry in enumerate(entries, start=1)]


def scan_tree(root: Path) -> list[ListedFrame]:
    """Find every frame folder below ``root``: one that holds ``image/`` and ``depth/`` with one file each.  Sorted.

    Raises:
        DataError: such a folder with no file or several in one of the two, or in ``depth_bfx/`` where it is there.
    """
    frames = []
    for folder, names, _ in os.walk(root):
        if {"image", "depth"} <= set(names):
            frames.append(_scanned(root, Path(folder), filled="depth_bfx" in names))
            names.clear()
        names.sort()
    return sorted(frames, key=lambda frame: frame.image)


def read_official_test(path: Path) -> frozenset[str]:
    """The frame folders of the official test set, as :func:`frame_folder` names them.

    Reads the text list of the test pairs (``SUNRGBD_val_splits.txt``, gzipped or not, any line end) or the toolbox's
    ``allsplit.mat`` (extra ``mat``).

    Raises:
        DataError: the file cannot be read or names no frames.
        MissingExtraError: a ``.mat`` file without scipy.
    """
    if path.suffix == ".mat":
        folders = frozenset(
            _below_dataset(PurePosixPath(str(cell.item()))) for cell in read_mat_variable(path, "alltest").flat
        )
    else:
        lines = (line.split() for line in read_text(path).splitlines())
        folders = frozenset(frame_folder(cells[0]) for cells in lines if cells)
    if not folders:
        raise DataError(expected="the official test frames", got=f"{path}, which names none", remedy="check the file")
    return folders


def frame_folder(image: str) -> str:
    """``SUNRGBD/kv1/b3dodata/img_0063/image/img_0063.jpg`` -> ``kv1/b3dodata/img_0063``: the same under every root."""
    return _below_dataset(PurePosixPath(image).parent.parent)


def sequence_of(folder: str) -> str:
    """The recording a frame folder belongs to: its parent where frames of one place lie together, else the frame itself."""
    parts = folder.split("/")
    return "/".join(parts[:-1] if len(parts) > 3 else parts)


def _below_dataset(folder: PurePosixPath) -> str:
    parts = folder.parts
    start = len(parts) - parts[::-1].index("SUNRGBD") if "SUNRGBD" in parts else 0
    return "/".join(parts[start:])


def _the_list(content: Any, path: Path) -> list[Any]:
    if isinstance(content, list):
        return content
    lists = [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
    if len(lists) != 1:
        raise DataError(
            expected="a JSON list of frames, or an object with exactly one list inside",
            got=f"{path} with {type(content).__name__} holding {len(lists)} lists",
            remedy="keep one list of {image, depth, depth_bfx} objects",
        )
    return lists[0]


def _listed(entry: Any, place: str, path: Path) -> ListedFrame:
    paths = [_first_of(entry, keys) for keys in (_IMAGE_KEYS, _DEPTH_KEYS, _FILLED_KEYS)]
    image, depth, filled = paths
    if image is None or (depth is None and filled is None):
        raise DataError(
            expected="an object with 'image' and 'depth'",
            got=f"{place} of {path}: {str(entry)[:80]}",
            remedy="mend the entry",
        )
    return ListedFrame(place, image, depth or filled or "", filled)


def _first_of(entry: Any, keys: tuple[str, ...]) -> str | None:
    found = (entry.get(key) for key in keys) if isinstance(entry, dict) else iter(())
    return next((value.lstrip("/") for value in found if isinstance(value, str) and value), None)


def _scanned(root: Path, folder: Path, *, filled: bool) -> ListedFrame:
    def only_file(name: str) -> str:
        files = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if len(files) != 1:
            raise DataError(
                expected=f"one file in {folder / name}",
                got=str(len(files)),
                remedy="unpack the frame again or pass a JSON list",
            )
        return files[0].relative_to(root).as_posix()

    bfx = only_file("depth_bfx") if filled else None
    return ListedFrame(folder.relative_to(root).as_posix(), only_file("image"), only_file("depth"), bfx)
