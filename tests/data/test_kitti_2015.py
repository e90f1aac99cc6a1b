# SPDX-License-Identifier: Apache-2.0
"""KITTI 2015: disparities of all and of visible pixels, rigs, objects, the testing part, lists; broken files in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field
from leadline.data.conventions import require_conventions
from leadline.data.kitti_2015 import Kitti2015, open_kitti_2015
from leadline.data.request import DatasetRequest, OptionValue
from tests.data.kitti_raw import CAM_TO_CAM, SIZE
from tests.data.layouts import picture, raster


def kitti_2015(root: Path, *, size: tuple[int, int] = SIZE) -> Path:
    """Three training pairs and a testing one.  Row 0 has no truth, row 1 no visible match; pair n is n + 2 px elsewhere."""
    for part, numbers in (("training", range(3)), ("testing", range(1))):
        for number in numbers:
            for frame in (10, 11):
                for eye in (2, 3):
                    picture(root / part / f"image_{eye}/{number:06d}_{frame}.png", *size, seed=10 * number + eye)
            calibration = root / part / f"calib_cam_to_cam/{number:06d}.txt"
            calibration.parent.mkdir(parents=True, exist_ok=True)
            calibration.write_text(CAM_TO_CAM.format(right=-9.0))
            if part == "training":
                disparity = np.full(size, 256 * (number + 2), np.uint16)
                disparity[0] = 0
                raster(root / part / f"disp_occ_0/{number:06d}_10.png", disparity)
                disparity[1] = 0
                raster(root / part / f"disp_noc_0/{number:06d}_10.png", disparity)
                objects = np.zeros(size, np.uint8)
                objects[:, 5:8], objects[:, 8] = 1, 7
                raster(root / part / f"obj_map/{number:06d}_10.png", objects)
    return root


def layout(root: Path) -> DatasetRequest:
    return DatasetRequest(root=kitti_2015(root))


def opened(root: Path, split: str | None = None, **options: OptionValue) -> Kitti2015:
    return open_kitti_2015(DatasetRequest(root=root, split=split, options=options))


def test_kitti_2015__gives_pairs_with_dense_truth(tmp_path: Path) -> None:
    dataset = opened(kitti_2015(tmp_path))
    assert [dataset.key(index) for index in range(len(dataset))] == ["000000_10", "000001_10", "000002_10"]
    assert dataset.provides == {Field.IMAGE, Field.CAMERA, Field.STEREO, Field.DEPTH}
    sample = dataset[2]
    require_conventions(sample)
    assert sample.stereo is not None and sample.depth is not None and sample.valid is not None  # noqa: PT018
    assert sample.stereo.disparity_px is not None and sample.stereo.visible is not None  # noqa: PT018
    assert (sample.stereo.disparity_px[1:] == 4.0).all()
    assert (sample.depth[1:] == 20.0 * 0.5 / 4.0).all()
    assert sample.valid.all(1).tolist() == [False] + [True] * 11
    assert sample.stereo.visible.all(1).tolist() == [False, False] + [True] * 10
    assert sample.depth[0].isnan().all()


def test_kitti_2015__annotations_tell_all_visible_and_moving_pixels(tmp_path: Path) -> None:
    known = opened(kitti_2015(tmp_path)).annotations(0)
    assert known.all_valid.sum() == 11 * 40
    assert known.visible_valid.sum() == 10 * 40
    assert (known.all_disparity_px[known.all_valid] == 2.0).all()
    assert (known.visible_disparity_px[known.visible_valid] == 2.0).all()
    assert known.foreground.dtype == torch.bool
    assert known.foreground.any(0).nonzero().flatten().tolist() == [5, 6, 7, 8]


def test_kitti_2015__three_rigs_turn_the_same_disparity_into_other_metres(tmp_path: Path) -> None:
    root = kitti_2015(tmp_path, size=(176, 620))
    depths = [float(opened(root, calibration=choice)[0].depth[5, 5]) for choice in ("calibrated", "nominal", "fixed")]  # type: ignore[index]
    assert depths == [pytest.approx(5.0), pytest.approx(5.4), pytest.approx(721.54 * 0.54 / 2, rel=1e-6)]


def test_kitti_2015__the_testing_part_has_no_truth(tmp_path: Path) -> None:
    dataset = opened(kitti_2015(tmp_path), "test")
    assert len(dataset) == 1
    assert dataset.provides == {Field.IMAGE, Field.CAMERA, Field.STEREO}
    assert dataset[0].depth is None
    with pytest.raises(DataError, match="of the testing part"):
        dataset.annotations(0)


def test_kitti_2015__opens_the_training_folder_itself_too(tmp_path: Path) -> None:
    assert len(opened(kitti_2015(tmp_path) / "training")) == 3


def test_kitti_2015__a_list_names_numbers(tmp_path: Path) -> None:
    root, listing = kitti_2015(tmp_path), tmp_path / "list.txt"
    listing.write_text("2\n\n000000_10.png\n000001\n")
    dataset = open_kitti_2015(DatasetRequest(root=root, listing=listing))
    assert [dataset.key(index) for index in range(3)] == ["000002_10", "000000_10", "000001_10"]
    for text in ("2\n000002_10\n", "1\nseven\n", "1\n1234567\n"):
        listing.write_text(text)
        with pytest.raises(DataError, match=r"line 2 of .*list\.txt"):
            open_kitti_2015(DatasetRequest(root=root, listing=listing))
    listing.write_text("1\n9\n")
    with pytest.raises(DataError, match=r"4 of 8 missing, the first at line 2: .*image_2/000009_10\.png"):
        open_kitti_2015(DatasetRequest(root=root, listing=listing))


def test_kitti_2015__names_what_is_broken(tmp_path: Path) -> None:
    root = kitti_2015(tmp_path) / "training"
    raster(root / "disp_occ_0/000000_10.png", np.full(SIZE, 9, np.uint8))
    with pytest.raises(DataError, match=r"16-bit disparity PNG.*000000_10\.png with uint8"):
        opened(tmp_path)[0]
    raster(root / "disp_occ_0/000000_10.png", np.full((12, 41), 512, np.uint16))
    with pytest.raises(DataError, match="disparity of the picture's size"):
        opened(tmp_path)[0]
    (root / "obj_map/000001_10.png").unlink()
    with pytest.raises(DataError, match=r"obj_map/000001_10\.png"):
        opened(tmp_path).annotations(1)
    (root / "calib_cam_to_cam/000002.txt").unlink()
    with pytest.raises(DataError, match=r"no .*calib_cam_to_cam/000002\.txt"):
        opened(tmp_path)
    (root / "disp_noc_0/000001_10.png").unlink()
    with pytest.raises(DataError, match=r"1 of 12 missing.*disp_noc_0/000001_10\.png"):
        opened(tmp_path)
    with pytest.raises(DataError, match="at least one sample in dataset 'kitti_2015'"):
        opened(tmp_path / "training/obj_map")
