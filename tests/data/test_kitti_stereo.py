# SPDX-License-Identifier: Apache-2.0
"""KITTI's raw drives as pairs: layouts, rigs, four kinds of truth, neighbours, single eyes; broken folders in one line."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.conventions import require_conventions
from leadline.data.kitti_stereo import KittiStereo, open_kitti_stereo
from leadline.data.request import DatasetRequest, OptionValue
from tests.data.kitti_raw import DAYS, DRIVES, kitti_raw, lines
from tests.data.layouts import picture

_BARE = frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO})


def layout(root: Path) -> DatasetRequest:
    return DatasetRequest(root=kitti_raw(root), options={"truth": "velodyne", "neighbours": "-1,1"})


def opened(root: Path, text: str | None = None, split: str | None = None, **options: OptionValue) -> KittiStereo:
    listing = None
    if text is not None:
        listing = root / "list.txt"
        listing.write_text(text)
    return open_kitti_stereo(DatasetRequest(root=root, split=split, listing=listing, options=options))


def stored(root: Path, drive: int, number: int, eye: int) -> torch.Tensor:
    path = root / DRIVES[drive][:10] / DRIVES[drive] / f"image_0{eye}/data/{number:010d}.png"
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 255


def test_kitti_stereo__gives_both_pictures_and_the_rig_of_the_day(tmp_path: Path) -> None:
    dataset = opened(kitti_raw(tmp_path))
    assert len(dataset) == 12
    assert dataset.provides == _BARE
    first, last = dataset[0], dataset[11]
    require_conventions(first)
    assert first.key == dataset.key(0) == f"{DRIVES[0]}/image_02/0000000000"
    assert first.stereo is not None and first.camera is not None and last.stereo is not None  # noqa: PT018
    assert torch.equal(first.image, stored(tmp_path, 0, 0, 2))
    assert torch.equal(first.stereo.image, stored(tmp_path, 0, 0, 3))
    assert torch.equal(last.stereo.image, stored(tmp_path, 2, 3, 3))
    assert first.camera.matrix[:2].tolist() == [[20.0, 0.0, 20.0], [0.0, 20.0, 6.0]]
    assert float(first.stereo.baseline_m) == 0.5
    assert float(last.stereo.baseline_m) == pytest.approx(0.525)
    assert first.depth is None


def test_kitti_stereo__a_line_of_either_eye_is_one_pair(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path)
    text = lines((2, 1, "r"), (0, 2, "l"), (2, 1, "l")) + f"{DAYS[0]}/{DRIVES[1]} 0000000003 l\n"
    dataset = opened(root, text)
    wanted = [f"{DRIVES[2]}/image_02/0000000001", f"{DRIVES[0]}/image_02/0000000002", f"{DRIVES[1]}/image_02/0000000003"]
    assert [dataset.key(index) for index in range(len(dataset))] == wanted
    assert dataset[0].stereo is not None
    assert torch.equal(dataset[0].stereo.image, stored(root, 2, 1, 3))


def test_kitti_stereo__three_rigs_by_name(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path, (0, 1), size=(176, 620))
    rigs = {}
    for choice in ("calibrated", "nominal", "fixed"):
        sample = opened(root, calibration=choice)[0]
        assert sample.camera is not None and sample.stereo is not None  # noqa: PT018
        rigs[choice] = (round(float(sample.camera.matrix[0, 0]), 2), round(float(sample.stereo.baseline_m), 4))
    assert rigs == {"calibrated": (20.0, 0.5), "nominal": (20.0, 0.54), "fixed": (721.54, 0.54)}
    for day in DAYS:
        (root / day / "calib_cam_to_cam.txt").unlink()
    assert len(opened(root, calibration="fixed")) == 6
    for choice in ("calibrated", "nominal"):
        with pytest.raises(DataError, match=r"got no .*2011_09_26/calib_cam_to_cam\.txt; unpack .* calibration=fixed"):
            opened(root, calibration=choice)


def test_kitti_stereo__a_sweep_is_depth_from_the_camera_or_from_the_lidar(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path)
    camera, lidar = (opened(root, truth=truth)[0] for truth in ("velodyne", "velodyne_lidar_frame"))
    require_conventions(camera)
    for sample, ahead, aside in ((camera, 5.0, 8.0), (lidar, 5.27, 8.27)):
        assert sample.depth is not None and sample.valid is not None  # noqa: PT018
        assert int(sample.valid.sum()) == 2
        # Straight ahead is column 19.5 + 1 / z and row 5.5, which rounds to the even 6 and moves to 5.
        assert float(sample.depth[5, 19]) == pytest.approx(ahead, abs=1e-5)
        assert float(sample.depth[2, 24]) == pytest.approx(aside, abs=1e-5)
        assert bool(sample.valid[2, 24])


def test_kitti_stereo__lidar_needs_pictures_of_the_calibrated_size(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path, size=(12, 44))
    with pytest.raises(DataError, match=r"a picture of 12x40, to which .*bin belongs; got 12x44"):
        opened(root, truth="velodyne")[0]


@pytest.mark.parametrize("annotated", ["", "train", "data_depth_annotated/val", "DATE"])
def test_kitti_stereo__annotated_depth_in_both_layouts(
    tmp_path: Path, annotated: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = kitti_raw(tmp_path, annotated=annotated)
    with caplog.at_level(logging.WARNING):
        dataset = opened(root, lines((0, 0, "l"), (0, 1, "l")), truth="annotated")
    assert "1 of 2 frames" in caplog.text
    assert len(dataset) == 1
    sample = dataset[0]
    assert sample.depth is not None and sample.valid is not None  # noqa: PT018
    assert float(sample.depth[1, 0]) == 2561 / 256
    assert not sample.valid[0].any()
    assert sample.valid[1:].all()


def test_kitti_stereo__a_test_split_comes_with_what_it_is_scored_with(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path)
    for name in ("test_list.txt", "test_improved_list.txt"):
        (root / name).write_text(lines((1, 1, "l")))
    raw, improved = (opened(root, split=split) for split in ("eigen", "improved"))
    assert raw.truth == "velodyne_lidar_frame"
    assert improved.truth == "annotated"
    assert Field.DEPTH in raw.provides & improved.provides
    assert opened(root, split="eigen", truth="none").provides == _BARE
    assert opened(root, split="eigen", eyes="listed").provides == _BARE - {Field.STEREO}
    (root / "val_list.txt").write_text(lines((0, 1, "l")))
    assert opened(root, split="val").truth == "velodyne"
    (root / f"{DAYS[0]}/{DRIVES[0]}/velodyne_points/data/0000000001.bin").unlink()
    assert opened(root, split="val").provides == _BARE
    (root / "test_improved_list.txt").write_text(lines((1, 0, "l"), (1, 1, "l")))
    with pytest.raises(DataError, match=r"truth=annotated.*1 of 2 missing, the first at line 1"):
        opened(root, split="improved")


def test_kitti_stereo__neighbours_are_the_left_cameras_next_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = kitti_raw(tmp_path)
    with caplog.at_level(logging.WARNING):
        dataset = opened(root, neighbours="-1,1")
    assert "6 of 12 frames lack a neighbour" in caplog.text
    assert dataset.provides == _BARE | {Field.NEIGHBOURS}
    assert dataset.key(0).endswith("0000000001")
    neighbours = dataset[0].neighbours
    assert neighbours is not None
    assert neighbours.offsets == (-1, 1)
    assert torch.equal(neighbours.image, torch.stack([stored(root, 0, number, 2) for number in (0, 2)]))
    with pytest.raises(UsageError, match="neighbours"):
        opened(root, neighbours="0,1")
    picture(root / f"{DAYS[0]}/{DRIVES[0]}/image_02/data/0000000002.png", 12, 41)
    with pytest.raises(DataError, match=r"neighbours of the size of .*; got 12x41"):
        dataset[0]


def test_kitti_stereo__listed_eyes_come_alone_with_their_own_neighbours(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path)
    dataset = opened(root, lines((0, 1, "r"), (0, 1, "l")), eyes="listed", neighbours="1")
    assert dataset.provides == {Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS}
    right, left = dataset[0], dataset[1]
    assert right.key == f"{DRIVES[0]}/image_03/0000000001"
    assert (right.stereo, left.stereo) == (None, None)
    assert torch.equal(right.image, stored(root, 0, 1, 3))
    assert torch.equal(left.image, stored(root, 0, 1, 2))
    assert right.neighbours is not None
    assert torch.equal(right.neighbours.image[0], stored(root, 0, 2, 3))
    assert right.camera is not None
    with pytest.raises(UsageError, match="no truth with eyes=listed"):
        opened(root, eyes="listed", truth="velodyne")


def test_kitti_stereo__jpegs_and_a_folder_above_are_found(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path, pictures="raw_data")
    for path in (root / "raw_data").glob("*/*/image_0?/data/*.png"):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    assert len(opened(root)) == 12
    assert opened(root)[0].stereo is not None


def test_kitti_stereo__names_what_is_missing(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path)
    (root / f"{DAYS[0]}/{DRIVES[0]}/image_03/data/0000000009.png").touch()
    with pytest.raises(DataError, match=r"1 of 4 missing, the first at line 2: .*image_02/data/0000000009\.png"):
        opened(root, lines((0, 1, "l"), (0, 9, "r")))
    with pytest.raises(DataError, match="line 1 of"):
        opened(root, "some words\n")
    (root / f"{DAYS[0]}/{DRIVES[0]}/velodyne_points/data/0000000001.bin").unlink()
    with pytest.raises(DataError, match=r"truth=velodyne.*1 of 1 missing"):
        opened(root, lines((0, 1, "l")), truth="velodyne")
    with pytest.raises(DataError, match="KITTI's list eigen, called"):
        opened(root, split="eigen")
    (root / DAYS[1] / "calib_velo_to_cam.txt").unlink()
    with pytest.raises(DataError, match=r"no .*2011_09_28/calib_velo_to_cam\.txt"):
        opened(root, lines((2, 1, "l")), truth="velodyne")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="at least one sample in dataset 'kitti_stereo'"):
        opened(empty)


def test_kitti_stereo__a_disk_with_some_sweeps_gives_those(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = kitti_raw(tmp_path)
    (root / f"{DAYS[0]}/{DRIVES[0]}/velodyne_points/data/0000000001.bin").unlink()
    with caplog.at_level(logging.WARNING):
        assert len(opened(root, truth="velodyne")) == 11
    assert "1 of 12 frames" in caplog.text


def test_kitti_stereo__refuses_pictures_of_two_sizes(tmp_path: Path) -> None:
    root = kitti_raw(tmp_path)
    picture(root / f"{DAYS[0]}/{DRIVES[0]}/image_03/data/0000000000.png", 12, 41)
    with pytest.raises(DataError, match="left and right pictures of one size"):
        opened(root)[0]
