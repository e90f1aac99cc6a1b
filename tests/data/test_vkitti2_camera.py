# SPDX-License-Identifier: Apache-2.0
"""The cameras of Virtual KITTI 2 are read where they are stated, and are in our pixel coordinates."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import DataError
from leadline.data.vkitti2_camera import PUBLISHED, Vkitti2Cameras

HEADER = "frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]\n"


def stated(root: Path, text: str) -> Vkitti2Cameras:
    (root / "Scene01" / "clone").mkdir(parents=True, exist_ok=True)
    (root / "Scene01" / "clone" / "intrinsic.txt").write_text(text)
    return Vkitti2Cameras.of(root, ["Scene01/clone", "Scene02/clone"])


def test_vkitti2_cameras__put_the_principal_point_in_the_middle_of_the_picture(tmp_path: Path) -> None:
    matrix = stated(tmp_path, HEADER + "0 0 725.0087 725.0087 620.5 187\n").camera("Scene01/clone", 0, 0, (375, 1242)).matrix
    expected = [[725.0087, 0, 1242 / 2], [0, 725.0087, 375 / 2], [0, 0, 1]]
    assert torch.allclose(matrix, torch.tensor(expected))


def test_vkitti2_cameras__are_those_of_the_frame_and_camera_else_the_published_one(tmp_path: Path) -> None:
    cameras = stated(tmp_path, HEADER + "0 0 700 701 600 180\n0 1 702 703 601 181\n1 0 704 705 602 182\n")
    focal = [float(cameras.camera("Scene01/clone", *which, (375, 1242)).matrix[0, 0]) for which in ((0, 0), (0, 1), (1, 0))]
    assert focal == [700, 702, 704]
    assert float(cameras.camera("Scene02/clone", 9, 1, (375, 1242)).matrix[0, 0]) == pytest.approx(PUBLISHED[0])
    with pytest.raises(DataError, match=r"frame 5 of camera 0 in Scene01/clone/intrinsic\.txt; got no such line"):
        cameras.camera("Scene01/clone", 5, 0, (375, 1242))


def test_vkitti2_cameras__are_resized_with_the_picture_and_refuse_a_cropped_one() -> None:
    cameras = Vkitti2Cameras({})
    matrix = cameras.camera("Scene01/clone", 0, 0, (750, 2484)).matrix
    assert matrix[0].tolist() == [pytest.approx(2 * 725.0087), 0, 1242]
    with pytest.raises(DataError, match="got 352x1216 in Scene01/clone, frame 0"):
        cameras.camera("Scene01/clone", 0, 0, (352, 1216))


@pytest.mark.parametrize(
    "line", ["0 0 725 725 620.5", "0 0 725 725 620.5 x", "a 0 725 725 620.5 187", "0 0 0 725 620 187", "0 0 725 725 nan 187"]
)
def test_vkitti2_cameras__name_the_line_that_is_damaged(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"frame, camera, fx, fy, cx, cy; got line 2 of .*intrinsic\.txt"):
        stated(tmp_path, HEADER + line + "\n")
