# SPDX-License-Identifier: Apache-2.0
"""KITTI: lists of three kinds, annotated and raw depth PNGs, the benchmark crop, cameras; broken folders in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field
from leadline.data.kitti import open_kitti
from leadline.data.kitti_drives import read_frame_list
from leadline.data.request import DatasetRequest
from tests.data.layouts import picture, raster
from tests.shared_paths import shared

DATE = "2011_09_26"
DRIVES = (f"{DATE}_drive_0002_sync", f"{DATE}_drive_0009_sync")
CALIBRATION = "calib_time: 09-Jan-2012 13:57:47\n" + "".join(
    f"P_rect_0{n}: 7.2e+02 0 6.095e+02 4.4e+01 0 7.2e+02 1.725e+02 2e-01 0 0 1 3e-03\n" for n in (2, 3)
)


def kitti(root: Path, size: tuple[int, int] = (6, 8), *, pictures: str = "", annotated: str = "") -> Path:
    """Frames 5 and 69 of two drives, as raw data and annotated depth unpack; drive 9's frame 69 has no depth."""
    for drive in DRIVES:
        for number in (5, 69):
            name = f"image_02/data/{number:010d}.png"
            picture(root / pictures / DATE / drive / name, *size, seed=number)
            if (drive, number) != (DRIVES[1], 69):
                depth = np.full(size, 2560 + number, np.uint16)
                depth[0, 0] = 0
                for kind, values in (("groundtruth", depth), ("velodyne_raw", depth * 2)):
                    raster(root / annotated / drive / "proj_depth" / kind / "image_02" / f"{number:010d}.png", values)
    (root / pictures / DATE / "calib_cam_to_cam.txt").write_text(CALIBRATION)
    return root


def listing(root: Path, lines: list[str]) -> Path:
    path = root / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def layout(root: Path) -> DatasetRequest:
    return DatasetRequest(root=kitti(root))


@pytest.mark.parametrize(
    ("pictures", "annotated"), [("", ""), ("raw_data", "data_depth_annotated/val"), ("raw", "gts"), ("a/b", "train")]
)
def test_kitti__finds_pictures_and_depth_where_they_unpack(tmp_path: Path, pictures: str, annotated: str) -> None:
    dataset = open_kitti(DatasetRequest(root=kitti(tmp_path, pictures=pictures, annotated=annotated)))
    assert [dataset.key(index) for index in range(3)] == [
        f"{DRIVES[0]}/image_02/0000000005", f"{DRIVES[0]}/image_02/0000000069", f"{DRIVES[1]}/image_02/0000000005",
    ]  # fmt: skip
    assert len(dataset) == 3
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.camera is not None
    assert float(sample.depth[1, 1]) == 2565 / 256
    assert not sample.valid[0, 0]
    assert sample.camera.matrix[0].tolist() == [720.0, 0.0, 610.0]
    assert sample.camera.matrix[1, 2] == 173.0


def test_kitti__2560_is_ten_metres_and_raw_sweeps_are_another_truth(tmp_path: Path) -> None:
    root = kitti(tmp_path)
    raster(root / DRIVES[0] / "proj_depth/groundtruth/image_02/0000000005.png", np.full((6, 8), 2560, np.uint16))
    annotated, swept = (open_kitti(DatasetRequest(root=root, options={"truth": t})) for t in ("groundtruth", "velodyne_raw"))
    assert float(annotated[0].depth[1, 1]) == 10.0  # type: ignore[index]
    assert float(swept[0].depth[1, 1]) == 2 * 2565 / 256  # type: ignore[index]


def test_kitti__reads_the_three_kinds_of_lists_and_leaves_out_none(tmp_path: Path) -> None:
    root = kitti(tmp_path)
    zoe = [
        f"{DATE}/{DRIVES[1]}/image_02/data/0000000069.png None 721.5377",
        f"{DATE}/{DRIVES[0]}/image_02/data/0000000069.png {DRIVES[0]}/proj_depth/x/image_02/0000000069.png 721.5377",
    ]
    elsewhere = [f"/mnt/x/raw/{DATE}/{DRIVES[0]}/image_02/data/0000000069.png /mnt/y/{DRIVES[0]}/gt.png"]
    monodepth = [f"{DATE}/{DRIVES[0]} 69 l"]
    for lines in (zoe, elsewhere, monodepth):
        dataset = open_kitti(DatasetRequest(root=root, listing=listing(tmp_path, lines)))
        assert [dataset.key(index) for index in range(len(dataset))] == [f"{DRIVES[0]}/image_02/0000000069"]


def test_kitti__split_eigen_needs_its_list(tmp_path: Path) -> None:
    root = kitti(tmp_path)
    with pytest.raises(DataError, match="Eigen's test list"):
        open_kitti(DatasetRequest(root=root, split="eigen"))
    (root / "kitti_eigen_test_files_with_gt.txt").write_text(f"{DATE}/{DRIVES[0]}/image_02/data/0000000005.png x 721.5\n")
    assert len(open_kitti(DatasetRequest(root=root, split="eigen"))) == 1


def test_kitti__benchmark_crop_is_the_bottom_middle_and_moves_the_camera(tmp_path: Path) -> None:
    root = kitti(tmp_path, (375, 1242))
    whole, cropped = (open_kitti(DatasetRequest(root=root, options={"crop": c})) for c in ("none", "benchmark"))
    assert cropped[0].image.shape == (3, 352, 1216)
    assert torch.equal(cropped[0].image, whole[0].image[:, 23:375, 13:1229])
    assert cropped[0].camera is not None
    assert cropped[0].camera.matrix[0, 2] == 610.0 - 13
    small = open_kitti(DatasetRequest(root=kitti(tmp_path / "small"), options={"crop": "benchmark"}))
    with pytest.raises(DataError, match="at least 352x1216"):
        small[0]


def test_kitti__without_calibration_there_is_no_camera(tmp_path: Path) -> None:
    root = kitti(tmp_path)
    (root / DATE / "calib_cam_to_cam.txt").unlink()
    dataset = open_kitti(DatasetRequest(root=root))
    assert Field.CAMERA not in dataset.provides
    assert dataset[0].camera is None


def test_kitti__names_what_is_broken(tmp_path: Path) -> None:
    root = kitti(tmp_path)
    with pytest.raises(DataError, match=r"line 1 of .*: 'some words'"):
        open_kitti(DatasetRequest(root=root, listing=listing(tmp_path, ["some words"])))
    with pytest.raises(DataError, match="1 of 2 missing, the first at line 1"):
        open_kitti(DatasetRequest(root=root, listing=listing(tmp_path, [f"{DATE}/{DRIVES[1]} 69 l"])))
    (root / DATE / "calib_cam_to_cam.txt").write_text("P_rect_02: 1 2\n")
    with pytest.raises(DataError, match="P_rect_02 and P_rect_03"):
        open_kitti(DatasetRequest(root=root))
    root = kitti(tmp_path)
    raster(root / DRIVES[0] / "proj_depth/groundtruth/image_02/0000000005.png", np.full((6, 8), 9, np.uint8))
    with pytest.raises(DataError, match="16-bit depth PNG"):
        open_kitti(DatasetRequest(root=root))[0]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="groundtruth below"):
        open_kitti(DatasetRequest(root=empty))


@pytest.mark.parametrize(
    ("name", "rows", "with_depth"),
    [("kitti_eigen_gt/kitti_eigen_test_files_with_gt.txt", 697, 652), ("kitti_tio/test_improved_list.txt", 652, 652)],
)
def test_kitti__the_real_lists_have_697_and_652_frames(name: str, rows: int, with_depth: int) -> None:
    frames = [frame for _, frame in read_frame_list(shared(f"data/splits/{name}"))]
    assert len(frames) == rows
    assert len({frame.key for frame in frames if frame.has_truth}) == with_depth


def test_kitti__three_real_lists_name_the_same_652_frames() -> None:
    names = (
        "kitti_eigen_gt/kitti_eigen_test_files_with_gt.txt",
        "kitti_tio/test_improved_list.txt",
        "depth_anything_v2/kitti/val.txt",
    )
    paths = [shared(f"data/splits/{name}") for name in names]
    zoe, tio, ours = ({frame.key for _, frame in read_frame_list(path) if frame.has_truth} for path in paths)
    assert zoe == tio == ours
