# SPDX-License-Identifier: Apache-2.0
"""Pictures on disk, a stand-in for a model, and a request about both, for the tests of label jobs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.data.label_folder import LabelJob
from leadline.data.picture_shards import PictureShard, picture_shards
from leadline.labelling.job import ModelFacts, begin_or_join
from leadline.labelling.request import LabelRequest
from leadline.labelling.shard import label_shard

FACTS = ModelFacts(
    weights_sha256="ab" * 32,
    kind=DepthKind.AFFINE_DISPARITY,
    settings={"input_size": 28, "multiple": 14, "precision": "fp32", "device": "cpu"},
)


class ToyLabels:
    """Half as wide and high as the picture, from its red channel alone; a black picture is all zero."""

    def __init__(self, kind: DepthKind = DepthKind.AFFINE_DISPARITY) -> None:
        self.kind = kind

    def check_size(self, picture: NDArray[np.uint8]) -> None:
        del picture

    def label(self, pictures: Sequence[NDArray[np.uint8]]) -> list[DepthMap]:
        maps = [np.ascontiguousarray(picture[::2, ::2, 0]).astype(np.float32) / np.float32(7) for picture in pictures]
        return [DepthMap(values=one, valid=np.ones(one.shape, np.bool_), kind=self.kind) for one in maps]


def jpeg(seed: int, height: int = 40, width: int = 60) -> bytes:
    pixels = np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)
    return encoded(pixels)


def encoded(pixels: NDArray[np.uint8], format_: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_, quality=95)
    return file.getvalue()


def write_pictures(folder: Path, count: int = 6) -> Path:
    """``count`` JPEG files of two sizes, every other one in a sub-folder."""
    for index in range(count):
        size = (40, 60) if index % 3 else (50, 30)
        path = folder / ("inner" if index % 2 else ".") / f"{index:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(index, *size))
    return folder


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def request_for(images: Path, out: Path, **changes: Any) -> LabelRequest:
    plain = LabelRequest(
        model="toy", images=images, out=out, pictures_per_shard=2, device="cpu", precision="fp32", input_size=28
    )
    return replace(plain, **changes)


def label_all(request: LabelRequest, labels: ToyLabels | None = None) -> LabelJob:
    """A whole job by the stand-in, without any executor."""
    labels = labels or ToyLabels()
    job = begin_or_join(request, replace(FACTS, kind=labels.kind))
    for shard in shards_of(request):
        label_shard(labels, shard, request, job)
    return job


def shards_of(request: LabelRequest) -> list[PictureShard]:
    return picture_shards(request.images, pictures_per_shard=request.pictures_per_shard)


def content(folder: Path) -> dict[str, bytes]:
    """Every visible file below a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
