# SPDX-License-Identifier: Apache-2.0
"""Small tars in the layout of SA-1B, honest and hostile."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(seed: int = 0, height: int = 6, width: int = 8) -> bytes:
    stored = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stored, format="JPEG", quality=95)
    return stored.getvalue()


def pack(tar: Path, members: dict[str, bytes], *odd: tarfile.TarInfo, mode: str = "") -> Path:
    """Write ``members``, and behind them empty members with the headers ``odd``."""
    tar.parent.mkdir(parents=True, exist_ok=True)
    packed = "w:gz" if tar.name.endswith("gz") else "w"
    with tarfile.open(tar, mode or packed) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
        for header in odd:
            archive.addfile(header)
    return tar


def sa1b(tar: Path, first: int = 1, count: int = 2, folder: str = "") -> Path:
    """``sa_N.jpg`` and ``sa_N.json`` by turns, as the archives of SA-1B hold them."""
    members: dict[str, bytes] = {}
    for number in range(first, first + count):
        members[f"{folder}sa_{number}.jpg"] = jpeg(number)
        members[f"{folder}sa_{number}.json"] = b'{"image": {}, "annotations": []}'
    return pack(tar, members)
