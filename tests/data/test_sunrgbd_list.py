# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D's frames are found in JSON of every shape and in the tree, and the official split is understood."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.data.sunrgbd_list import (
    ListedFrame,
    frame_folder,
    read_json_list,
    read_official_test,
    scan_tree,
    sequence_of,
)
from tests.data.layouts import picture, sun_frame
from tests.shared_paths import shared

ENTRY = {"image": "a/image/1.jpg", "depth": "a/depth/1.png", "depth_bfx": "a/depth_bfx/1.png"}
LISTED = ListedFrame("entry 1", "a/image/1.jpg", "a/depth/1.png", "a/depth_bfx/1.png")


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "content",
    [
        [ENTRY],
        [{**ENTRY, "annotations": [{"box": 1}]}],
        {"version": 2, "frames": [ENTRY]},
        [{"rgb": "a/image/1.jpg", "depth_path": "a/depth/1.png", "depth_bfx_path": "a/depth_bfx/1.png"}],
        [{"rgb_path": "/a/image/1.jpg", "depth": "/a/depth/1.png", "depth_bfx": "a/depth_bfx/1.png"}],
    ],
)
def test_read_json_list__understands_every_shape(tmp_path: Path, content: Any) -> None:
    assert read_json_list(written(tmp_path / "l.json", content)) == [LISTED]


def test_read_json_list__says_when_there_is_no_filled_depth(tmp_path: Path) -> None:
    listed = read_json_list(written(tmp_path / "l.json", [{**ENTRY, "depth_bfx": None}]))
    assert listed[0].depth_bfx is None


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"a": [], "b": []}, "holding 2 lists"),
        ("text", "str holding 0 lists"),
        ([ENTRY, {"image": "x"}], "entry 2"),
        ([{"image": "", "depth": "d"}], "entry 1"),
        ([{"image": 3, "depth": "d"}], "entry 1"),
        (["a.jpg"], "entry 1"),
    ],
)
def test_read_json_list__names_what_is_wrong(tmp_path: Path, content: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read_json_list(written(tmp_path / "l.json", content))


def test_read_json_list__names_the_line_of_broken_json(tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text('[\n{"image": "a",]')
    with pytest.raises(DataError, match="broken at line 2"):
        read_json_list(tmp_path / "l.json")


def test_scan_tree__finds_frames_sorted(tmp_path: Path) -> None:
    second = sun_frame(tmp_path, "xtion/sun3ddata/place/seq/0002")
    first = sun_frame(tmp_path, "kv1/b3dodata/img_0001", filled=False)
    picture(tmp_path / "SUNRGBD" / "kv1" / "b3dodata" / "img_0001" / "fullres" / "x.jpg")
    found = scan_tree(tmp_path)
    assert [(frame.image, frame.depth, frame.depth_bfx) for frame in found] == [
        (first["image"], first["depth"], None),
        (second["image"], second["depth"], second["depth_bfx"]),
    ]


def test_scan_tree__refuses_a_frame_with_two_pictures(tmp_path: Path) -> None:
    sun_frame(tmp_path, "kv1/b3dodata/img_0001")
    picture(tmp_path / "SUNRGBD/kv1/b3dodata/img_0001/image/other.jpg")
    with pytest.raises(DataError, match=r"one file in .*image; got 2"):
        scan_tree(tmp_path)


def test_frame_folder__is_the_same_under_every_root() -> None:
    for prefix in ("SUNRGBD/", "data/SUNRGBD/", "SUNRGBD/SUNRGBD/", ""):
        assert frame_folder(f"{prefix}kv1/b3dodata/img_0063/image/img_0063.jpg") == "kv1/b3dodata/img_0063"


def test_sequence_of__joins_frames_of_one_recording() -> None:
    assert sequence_of("xtion/sun3ddata/hotel/room_1/0001") == "xtion/sun3ddata/hotel/room_1"
    assert sequence_of("kv1/b3dodata/img_0063") == "kv1/b3dodata/img_0063"


def test_read_official_test__reads_text_with_crlf_gzipped_or_not(tmp_path: Path) -> None:
    lines = b"SUNRGBD/kv1/b3dodata/i_1/image/i.jpg SUNRGBD/kv1/b3dodata/i_1/depth/i.png\r\n"
    (tmp_path / "s.txt").write_bytes(lines)
    (tmp_path / "s.txt.gz").write_bytes(gzip.compress(lines))
    for name in ("s.txt", "s.txt.gz"):
        assert read_official_test(tmp_path / name) == {"kv1/b3dodata/i_1"}
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match="names none"):
        read_official_test(tmp_path / "empty.txt")


def test_read_official_test__reads_the_toolbox_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat

    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = "/n/fs/sun3d/data/SUNRGBD/kv2/kinect2data/a-resize", "/n/fs/sun3d/data/SUNRGBD/kv1/b/i/"
    savemat(tmp_path / "allsplit.mat", {"alltest": cells, "alltrain": cells[:, :1]})
    assert read_official_test(tmp_path / "allsplit.mat") == {"kv2/kinect2data/a-resize", "kv1/b/i"}
    (tmp_path / "bad.mat").write_bytes(b"not a mat file")
    with pytest.raises(DataError, match=r"bad\.mat"):
        read_official_test(tmp_path / "bad.mat")
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"leadline\[mat\]"):
        read_official_test(tmp_path / "allsplit.mat")


def test_read_official_test__reads_the_published_split() -> None:
    folders = read_official_test(shared("data/splits/sunrgbd/SUNRGBD_val_splits.txt.gz"))
    assert len(folders) == 5050
    assert sum(folder.startswith("kv1/NYUdata/") for folder in folders) == 654
    assert "kv2/align_kv2/2014-12-18_11-31-54_260595134347" in folders
    assert "kv1/b3dodata/img_0063" not in folders


@pytest.mark.parametrize(("text", "said"), [("9" * 5000, "4300 digits"), ("[" * 99_999, "recursion")])
def test_read_json_list__refuses_what_python_cannot_read(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(DataError, match=rf"list\.json, broken at line 1: .*{said}"):
        read_json_list(tmp_path / "list.json")
