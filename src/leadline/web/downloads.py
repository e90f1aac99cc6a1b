# SPDX-License-Identifier: Apache-2.0
"""A shown depth and a format enter; one file for the user to take away leaves."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Literal

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.inference.outputs.files import Prediction, save_prediction

if TYPE_CHECKING:
    from pathlib import Path

    from leadline.web.shown_depth import ShownDepth

Download = Literal["npy", "png16", "ply"]
DOWNLOADS: dict[Download, str] = {"npy": "NumPy array", "png16": "16-bit PNG, mm", "ply": "PLY points"}
"""Format -> what its button says."""
_ONLY_METRIC: frozenset[Download] = frozenset({"png16", "ply"})
_LONGEST_NAME = 60


def offered(kind: DepthKind) -> frozenset[Download]:
    """The formats that numbers of this kind can fill truthfully: millimetres and points need metres."""
    return frozenset(DOWNLOADS) - (frozenset() if kind is DepthKind.METRIC else _ONLY_METRIC)


def write_download(shown: ShownDepth, form: Download, folder: Path) -> Path:
    """Write one file into a new folder below ``folder``, with the JSON that explains it beside it, and return its path.

    Raises:
        UsageError: a format that this kind of depth cannot fill.
        StorageError: full or read-only disk.
    """
    if form not in offered(shown.depth.kind):
        raise UsageError(
            expected=f"depth in metres for {DOWNLOADS.get(form, form)}",
            got=f"a map of kind {shown.depth.kind.value}",
            remedy="calibrate it with known depths first, or use a metric model",
        )
    prediction = Prediction(depth=shown.depth, rgb=shown.rgb, description=shown.description)
    place = folder / uuid.uuid4().hex
    return save_prediction(place, file_stem(shown.name), prediction, (form,))[0]


def file_stem(name: str) -> str:
    """A name that every file system takes, from one that a browser sent.

    >>> file_stem("../my photo?")
    'my photo'
    """
    kept = re.sub(r"[^\w .()+-]+", "_", name).strip("._ ")[:_LONGEST_NAME].strip()
    return kept or "picture"
