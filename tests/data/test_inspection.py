# SPDX-License-Identifier: Apache-2.0
"""The report sums up what was read, counts doubts and unreadable files, and the contact sheet shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.data.catalog import open_dataset
from leadline.data.inspection import contact_sheet, inspect_dataset
from leadline.data.request import DatasetRequest
from leadline.rasters.panels import LEGIBLE_WIDTH_PX
from tests.data.layouts import da2k, picture
from tests.shared_paths import shared


def folder(root: Path, depths: list[np.ndarray]) -> DatasetRequest:
    for index, values in enumerate(depths):
        picture(root / "rgb" / f"{index}.jpg", values.shape[0], values.shape[1], seed=index)
        (root / "depth").mkdir(exist_ok=True)
        np.save(root / "depth" / f"{index}.npy", values)
    return DatasetRequest(root=root)


def slope(far_m: float, near_m: float, height: int = 12) -> np.ndarray:
    """Far at the top, near at the bottom."""
    return np.linspace(far_m, near_m, height * 16, dtype=np.float32).reshape(height, 16)


def test_inspect__sums_up_range_validity_and_sizes(tmp_path: Path) -> None:
    holed = slope(4.0, 1.0)
    holed[:3] = np.nan
    request = folder(tmp_path, [slope(3.0, 0.5), holed, slope(8.0, 2.0, height=10)])
    report = inspect_dataset(open_dataset("labelled_folder", request))
    assert (report.name, report.count, report.inspected, report.unit) == ("labelled_folder", 3, 3, "m")
    assert report.provides == ("DEPTH", "IMAGE")
    assert report.minimum == 0.5
    assert report.maximum == 8.0
    medians = sorted(float(np.nanmedian(values)) for values in (slope(3.0, 0.5), holed, slope(8.0, 2.0)))
    assert report.median == pytest.approx(medians[1])
    assert report.valid_percent == pytest.approx(100 * (1 + 0.75 + 1) / 3)
    assert report.sizes == {(12, 16): 2, (10, 16): 1}
    assert report.findings == ()
    assert "ray length" in report.undetectable


def test_inspect__counts_doubts_and_names_the_first(tmp_path: Path) -> None:
    request = folder(tmp_path, [slope(3.0, 0.5), slope(3000.7, 500.0), slope(4000.7, 500.0)])
    report = inspect_dataset(open_dataset("labelled_folder", request))
    (finding,) = report.findings
    assert "beyond 200 m" in finding.what
    assert (finding.images, finding.first_key) == (2, "rgb/1.jpg")


def test_inspect__notices_disparity_in_the_dress_of_depth(tmp_path: Path) -> None:
    depths = [1.0 / slope(4.0 + n, 1.0) for n in range(5)]
    report = inspect_dataset(open_dataset("labelled_folder", folder(tmp_path, depths)))
    assert [(finding.images, "disparity stored as depth" in finding.what) for finding in report.findings] == [(5, True)]
    fewer = folder(tmp_path / "fewer", depths[:4])
    assert inspect_dataset(open_dataset("labelled_folder", fewer)).findings == ()


def test_inspect__counts_and_names_unreadable_samples(tmp_path: Path) -> None:
    request = folder(tmp_path, [slope(3.0, 0.5), slope(3.0, 0.5)])
    (tmp_path / "rgb" / "1.jpg").write_bytes(b"")
    report = inspect_dataset(open_dataset("labelled_folder", request))
    assert (report.inspected, len(report.unreadable)) == (2, 1)
    assert "1.jpg" in report.unreadable[0]
    assert report.sizes == {(12, 16): 1}


def test_inspect__looks_at_evenly_spaced_samples(tmp_path: Path) -> None:
    request = folder(tmp_path, [slope(3.0 + n, 0.5) for n in range(6)])
    report = inspect_dataset(open_dataset("labelled_folder", request), limit=2)
    assert (report.count, report.inspected, report.maximum) == (6, 2, 6.0)


def test_inspect__has_no_metres_where_there_is_no_depth(tmp_path: Path) -> None:
    da2k(tmp_path)
    report = inspect_dataset(open_dataset("da2k", DatasetRequest(root=tmp_path)))
    assert (report.unit, report.minimum, report.median, report.maximum, report.valid_percent) == (None,) * 5
    assert report.provides == ("IMAGE", "ORDINAL")


def test_inspect__matches_the_manifest_of_the_real_frames() -> None:
    root = shared("data")
    dataset = open_dataset("nyu", DatasetRequest(root=root, listing=root / "nyu_csv" / "train.csv"))
    report = inspect_dataset(dataset, limit=24)
    assert report.findings == ()
    assert report.unreadable == ()
    assert report.sizes == {(480, 640): 24}
    assert report.minimum is not None
    assert report.maximum is not None
    assert report.valid_percent is not None
    assert 0.801 - 1e-6 <= report.minimum < report.maximum <= 3.975 + 1e-6
    assert 74.06 < report.valid_percent < 96.25


def test_contact_sheet__shows_pictures_beside_their_depth(tmp_path: Path) -> None:
    request = folder(tmp_path, [slope(3.0, 0.5) for _ in range(5)])
    dataset = open_dataset("labelled_folder", request)
    sheet = contact_sheet(dataset, 4)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] > 4 * LEGIBLE_WIDTH_PX
    assert contact_sheet(dataset, 2).shape[0] < sheet.shape[0]
    assert contact_sheet(dataset, 1).shape[1] < sheet.shape[1]
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100


def test_contact_sheet__marks_pairs_and_unreadable_samples(tmp_path: Path) -> None:
    da2k(tmp_path)
    dataset = open_dataset("da2k", DatasetRequest(root=tmp_path))
    colours = {tuple(colour) for colour in contact_sheet(dataset, 3).reshape(-1, 3).tolist()}
    assert {(255, 140, 0), (40, 90, 255)} <= colours
    for index in range(3):
        (tmp_path / dataset.key(index)).write_bytes(b"")
    grey = contact_sheet(dataset, 3)
    assert np.mean((grey == 128).all(axis=2)) > 0.5
