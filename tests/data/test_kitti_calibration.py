# SPDX-License-Identifier: Apache-2.0
"""KITTI's calibration: the published numbers of a day, three rigs by name, the LiDAR's projection, broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.data.kitti_calibration import FIXED_RIG, kitti_rig, pixels_from_lidar, read_calibration, rectified_size
from tests.data.kitti_raw import CAM_TO_CAM, VELO_TO_CAM

DAY = """calib_time: 09-Jan-2012 13:57:47
S_rect_02: 1.242000e+03 3.750000e+02
P_rect_02: 7.215377e+02 0 6.095593e+02 4.485728e+01 0 7.215377e+02 1.728540e+02 2.163791e-01 0 0 1 2.745884e-03
P_rect_03: 7.215377e+02 0 6.095593e+02 -3.395242e+02 0 7.215377e+02 1.728540e+02 2.199936e+00 0 0 1 2.729905e-03
"""


def written(root: Path, text: str, name: str = "calib_cam_to_cam.txt") -> Path:
    path = root / name
    path.write_text(text)
    return path


def test_rig__of_2011_09_26_is_the_published_one(tmp_path: Path) -> None:
    rig = kitti_rig(written(tmp_path, DAY), "calibrated")
    assert rig.lens.focal_px == (721.5377, 721.5377)
    assert rig.lens.centre_px == (609.5593 + 0.5, 172.854 + 0.5)
    assert rig.baseline_m == pytest.approx(0.532725, abs=1e-6)
    assert 0.54 / rig.baseline_m == pytest.approx(1.0137, abs=1e-4)


def test_rig__nominal_changes_the_baseline_alone_and_fixed_reads_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, DAY)
    nominal = kitti_rig(path, "nominal")
    assert (nominal.lens, nominal.baseline_m) == (kitti_rig(path, "calibrated").lens, 0.54)
    assert kitti_rig(tmp_path / "gone.txt", "fixed") == FIXED_RIG
    assert (FIXED_RIG.lens.focal_px[0], FIXED_RIG.lens.centre_px, FIXED_RIG.baseline_m) == (721.54, (610.06, 173.35), 0.54)
    with pytest.raises(DataError, match=r"the calibration gone\.txt; got no .*calibration=fixed"):
        kitti_rig(tmp_path / "gone.txt", "nominal")


def test_calibration__keeps_numbers_and_passes_over_dates(tmp_path: Path) -> None:
    numbers = read_calibration(written(tmp_path, DAY))
    assert set(numbers) == {"S_rect_02", "P_rect_02", "P_rect_03"}
    assert rectified_size(numbers) == (375, 1242)
    assert rectified_size({}) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [(DAY.replace("P_rect_03", "P_rect_01"), "P_rect_03 of 12"), (DAY.replace(" 2.745884e-03", ""), "with 11")],
)
def test_rig__names_what_a_file_lacks(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=r"calib_cam_to_cam\.txt") as caught:
        kitti_rig(written(tmp_path, text), "calibrated")
    assert said in str(caught.value)


def test_lidar__a_point_ahead_falls_on_the_principal_point_and_is_moved_to_the_camera(tmp_path: Path) -> None:
    camera = written(tmp_path, CAM_TO_CAM.format(right=-9))
    lidar = written(tmp_path, VELO_TO_CAM, "calib_velo_to_cam.txt")
    column, row, z = pixels_from_lidar(camera, lidar) @ np.array([10.27, 0, 0, 1])
    assert z == pytest.approx(10.0)
    assert (column / z, row / z) == (
        pytest.approx(19.5 + 1.0 / 10),
        pytest.approx(5.5),
    )  # camera 2 is 1/20 m beside camera 0
    right_and_up = pixels_from_lidar(camera, lidar) @ np.array([10.27, -1, 1, 1])
    assert right_and_up[0] / z == pytest.approx(21.6)
    assert right_and_up[1] / z == pytest.approx(3.5)
    with pytest.raises(DataError, match="R of 9 numbers"):
        pixels_from_lidar(camera, written(tmp_path, "T: 0 0 0\n", "calib_velo_to_cam.txt"))


def test_lidar__rotations_act_in_the_order_lidar_rectify_project(tmp_path: Path) -> None:
    turn = "R_rect_00: 0 -1 0 1 0 0 0 0 1"
    camera = written(tmp_path, CAM_TO_CAM.format(right=-9).replace("R_rect_00: 1 0 0 0 1 0 0 0 1", turn))
    found = pixels_from_lidar(camera, written(tmp_path, VELO_TO_CAM, "calib_velo_to_cam.txt")) @ np.array([10.27, -1, 0, 1])
    assert found[:2] / found[2] == pytest.approx([19.6, 7.5])  # what lay to the right lies below now
