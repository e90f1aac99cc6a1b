# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.web.downloads import DOWNLOADS, Download, file_stem, offered, write_download
from tests.web.pictures import HOLE, shown


def test_write_download__npy_holds_the_full_map(tmp_path: Path) -> None:
    path = write_download(shown(tmp_path), "npy", tmp_path / "out")
    values = np.load(path)
    assert (path.name, values.dtype, values.shape) == ("my photo.npy", np.float32, (40, 60))
    assert values[4, 20] == np.float32(3.04)
    assert np.isnan(values[HOLE])
    assert json.loads(path.with_suffix(".json").read_text())["unit"] == "m"


def test_write_download__png16_holds_millimetres(tmp_path: Path) -> None:
    with Image.open(write_download(shown(tmp_path), "png16", tmp_path / "out")) as image:
        stored = np.asarray(image)
    assert (int(stored[4, 20]), int(stored[HOLE])) == (3040, 0)


def test_write_download__ply_holds_a_point_a_pixel_but_the_hole(tmp_path: Path) -> None:
    header = write_download(shown(tmp_path), "ply", tmp_path / "out").read_bytes()[:200]
    assert b"element vertex 2399\n" in header


@pytest.mark.parametrize("form", ["png16", "ply"])
def test_write_download__refuses_metres_where_there_are_none(form: Download, tmp_path: Path) -> None:
    assert form not in offered(DepthKind.AFFINE_DISPARITY)
    with pytest.raises(UsageError, match="affine_disparity; calibrate it"):
        write_download(shown(tmp_path, DepthKind.AFFINE_DISPARITY), form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_offered__is_everything_for_metres_and_the_array_for_all() -> None:
    assert offered(DepthKind.METRIC) == frozenset(DOWNLOADS)
    assert all("npy" in offered(kind) for kind in DepthKind)


def test_write_download__never_overwrites_another_one(tmp_path: Path) -> None:
    one = shown(tmp_path)
    assert len({write_download(one, "npy", tmp_path / "out") for _ in range(2)}) == 2


@pytest.mark.parametrize(
    ("name", "stem"),
    [("../../etc/passwd", "etc_passwd"), ("a\0b", "a_b"), ("...", "picture"), ("", "picture"), ("é (1)", "é (1)")],
)
def test_file_stem__is_a_plain_name(name: str, stem: str) -> None:
    assert file_stem(name).replace("_.._", "_") == stem
    assert len(file_stem("x" * 500)) == 60
