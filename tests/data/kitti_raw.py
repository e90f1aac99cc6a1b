# SPDX-License-Identifier: Apache-2.0
"""Small made-up drives in the layout of KITTI's raw data: pictures of both eyes, calibration of two days, LiDAR sweeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data.layouts import picture, raster

DAYS = ("2011_09_26", "2011_09_28")
DRIVES = (f"{DAYS[0]}_drive_0001_sync", f"{DAYS[0]}_drive_0002_sync", f"{DAYS[1]}_drive_0001_sync")
"""The second is one of Eigen's test drives, the others are not."""
SIZE = (12, 40)

# Focal length 20 px, principal point (19.5, 5.5) counted from 0; 0.5 m apart on the first day, 0.525 m on the second.
CAM_TO_CAM = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 4.000000e+01 1.200000e+01
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 20 0 19.5 1.0 0 20 5.5 0 0 0 1 0
P_rect_03: 20 0 19.5 {right} 0 20 5.5 0 0 0 1 0
"""
# The LiDAR looks ahead along x with y to the left and z up; it is 0.27 m behind the camera.
VELO_TO_CAM = "calib_time: 15-Mar-2012 11:37:16\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 -0.27\ndelta_f: 0 0\n"
SWEEP = np.array(
    [
        [10.27, 0.0, 0.0, 0.1],  # straight ahead, 10 m from the camera
        [5.27, 0.0, 0.0, 0.2],  # the same pixel, nearer
        [20.27, 0.0, 0.0, 0.3],
        [8.27, -2.0, 1.0, 0.4],  # to the right and up
        [-5.0, 0.0, 0.0, 0.5],  # behind
        [4.27, 9.0, 0.0, 0.6],  # outside the picture
    ],
    np.float32,
)


def kitti_raw(
    root: Path,
    frames: tuple[int, ...] = (0, 1, 2, 3),
    *,
    pictures: str = "",
    annotated: str = "",
    size: tuple[int, int] = SIZE,
) -> Path:
    """Three drives of two days with the same frames; annotated depth of all but the first is 2560 (10 m) + number."""
    for order, drive in enumerate(DRIVES):
        day = root / pictures / drive[:10]
        for number in frames:
            for eye in (2, 3):
                name = f"{drive}/image_0{eye}/data/{number:010d}.png"
                picture(day / name, *size, seed=1000 * order + 10 * number + eye)
            sweep = day / drive / f"velodyne_points/data/{number:010d}.bin"
            sweep.parent.mkdir(parents=True, exist_ok=True)
            sweep.write_bytes(SWEEP.tobytes())
            if number > frames[0]:
                depth = np.full(size, 2560 + number, np.uint16)
                depth[0] = 0
                base = root / annotated.replace("DATE", drive[:10]) / drive / "proj_depth/groundtruth"
                raster(base / f"image_02/{number:010d}.png", depth)
        (day / "calib_cam_to_cam.txt").write_text(CAM_TO_CAM.format(right=-9.0 if drive[:10] == DAYS[0] else -9.5))
        (day / "calib_velo_to_cam.txt").write_text(VELO_TO_CAM)
    return root


def lines(*frames: tuple[int, int, str]) -> str:
    """A list of (drive, frame, l or r)."""
    return "".join(f"{DRIVES[drive][:10]}/{DRIVES[drive]} {number} {eye}\n" for drive, number, eye in frames)
