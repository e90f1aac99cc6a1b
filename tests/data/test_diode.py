# SPDX-License-Identifier: Apache-2.0
"""DIODE: depth with its mask, domains by folder, the devkit's list of views; wrong sizes and missing files in one line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.data.diode import open_diode
from leadline.data.request import DatasetRequest
from tests.data.layouts import picture
from tests.shared_paths import shared

VIEWS = {
    "val/indoors/scene_00019/scan_00183": ["00019_00183_indoors_000_010", "00019_00183_indoors_010_000"],
    "val/outdoor/scene_00022/scan_00193": ["00022_00193_outdoor_000_010"],
}


def layout(root: Path) -> DatasetRequest:
    """Depth as released, (768, 1024, 1): 3 m, pixel (0, 0) masked, (0, 1) infinite, (0, 2) zero."""
    depth_m = np.full((768, 1024, 1), 3.0, np.float32)
    depth_m[0, 1], depth_m[0, 2] = np.inf, 0.0
    mask = np.ones((768, 1024), np.float64)
    mask[0, 0] = 0.0
    for folder, names in VIEWS.items():
        for name in names:
            picture(root / folder / f"{name}.png", 768, 1024)
            np.save(root / folder / f"{name}_depth.npy", depth_m)
            np.save(root / folder / f"{name}_depth_mask.npy", mask)
    return DatasetRequest(root=root)


def test_diode__reads_depth_mask_and_camera(tmp_path: Path) -> None:
    dataset = open_diode(layout(tmp_path))
    assert dataset.key(0) == "val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010.png"
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.camera is not None
    assert float(sample.depth[5, 5]) == 3.0
    assert int(sample.valid.sum()) == 768 * 1024 - 3
    assert sample.camera.matrix[0, 0] == pytest.approx(886.81)
    assert sample.camera.matrix[:2, 2].tolist() == [512.0, 384.0]


@pytest.mark.parametrize(("options", "count"), [({}, 3), ({"domain": "indoors"}, 2), ({"domain": "outdoor"}, 1)])
def test_diode__knows_domains_by_folder(tmp_path: Path, options: dict[str, str], count: int) -> None:
    layout(tmp_path)
    assert len(open_diode(DatasetRequest(root=tmp_path, split="val", options=options))) == count
    assert len(open_diode(DatasetRequest(root=tmp_path / "val", options=options))) == count
    with pytest.raises(DataError, match="train"):
        open_diode(DatasetRequest(root=tmp_path, split="train", options=options))


def test_diode__a_list_says_which_views(tmp_path: Path) -> None:
    layout(tmp_path)
    meta: dict[str, Any] = {"train": {"indoors": {}, "outdoor": {}}, "val": {"outdoor": {}, "indoors": {}}}
    meta["val"]["indoors"] = {"scene_00019": {"scan_00183": ["00019_00183_indoors_010_000"]}}
    listing = tmp_path / "diode_meta.json.gz"
    listing.write_bytes(gzip.compress(json.dumps(meta).encode()))
    dataset = open_diode(DatasetRequest(root=tmp_path, listing=listing))
    assert [dataset.key(index) for index in range(len(dataset))] == [
        "val/indoors/scene_00019/scan_00183/00019_00183_indoors_010_000.png"
    ]
    meta["val"]["indoors"]["scene_00019"]["scan_00183"].append("gone")
    listing.write_bytes(gzip.compress(json.dumps(meta).encode()))
    with pytest.raises(DataError, match=r"3 of 6 missing, the first at view '.*gone\.png'"):
        open_diode(DatasetRequest(root=tmp_path, listing=listing))
    (tmp_path / "diode_meta.json").write_text('{"train": []}')
    with pytest.raises(DataError, match=r"diode_meta\.json: split, domain"):
        open_diode(DatasetRequest(root=tmp_path, listing=tmp_path / "diode_meta.json"))


def test_diode__refuses_another_size(tmp_path: Path) -> None:
    layout(tmp_path)
    folder, (name, *_) = next(iter(VIEWS.items()))
    np.save(tmp_path / folder / f"{name}_depth_mask.npy", np.ones((6, 8)))
    with pytest.raises(DataError, match=r"6x8 in .*_depth_mask"):
        open_diode(DatasetRequest(root=tmp_path))[0]


@pytest.mark.parametrize(("split", "count"), [("val", 612), ("train", 25458)])
def test_diode__the_real_list_is_read_whole(tmp_path: Path, split: str, count: int) -> None:
    listing = shared("data/splits/diode/diode_meta.json.gz")
    with pytest.raises(DataError, match=f"{3 * count} of {3 * count} missing"):
        open_diode(DatasetRequest(root=tmp_path, split=split, listing=listing))
