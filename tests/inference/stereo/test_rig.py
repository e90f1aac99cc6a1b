# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest

from leadline.contracts.camera import Camera
from leadline.contracts.errors import UsageError
from leadline.geometry.camera import intrinsic_matrix
from leadline.inference.stereo.rig import KnownRig, Scale, eye_scale, pair_scale
from leadline.models.stereo.config import TrainingRig

KITTI = TrainingRig(baseline_m=0.54, focal_px=721.54, width_px=1242)
CAMERA = Camera(matrix=intrinsic_matrix(focal_px=(500.0, 510.0), centre_px=(320.0, 240.0)))


@pytest.mark.parametrize("baseline", [0.0, -0.5, math.nan, math.inf])
def test_known_rig__refuses_a_baseline_that_is_none(baseline: float) -> None:
    with pytest.raises(UsageError, match="a baseline above 0 metres"):
        KnownRig(baseline_m=baseline)


def test_known_rig__refuses_a_camera_and_a_field_of_view() -> None:
    with pytest.raises(UsageError, match="leave one out"):
        KnownRig(camera=CAMERA, field_of_view_deg=60)


def test_known_rig__a_field_of_view_makes_a_camera_of_the_pictures_own_width() -> None:
    rig = KnownRig(field_of_view_deg=90)
    camera = rig.camera_of(100, 640)
    assert camera is not None
    assert camera.matrix[0].tolist() == pytest.approx([320, 0, 320])
    assert KnownRig().camera_of(100, 640) is None


def test_pair_scale__needs_baseline_and_focal_length_of_the_pair() -> None:
    size = (480, 640)
    assert pair_scale(KnownRig(baseline_m=0.1, camera=CAMERA), size) == Scale(baseline_m=0.1, focal_px=500.0)
    assert pair_scale(KnownRig(baseline_m=0.1), size) is None
    assert pair_scale(KnownRig(camera=CAMERA), size) is None
    assert pair_scale(None, size) is None


def test_eye_scale__takes_the_baseline_of_training_and_the_focal_length_of_the_picture() -> None:
    size = (375, 621)
    assumed = eye_scale(None, KITTI, size)
    assert assumed is not None
    assert assumed.baseline_m == 0.54
    assert assumed.focal_px == pytest.approx(721.54 / 2)
    pair = KnownRig(baseline_m=0.1, camera=CAMERA)
    assert eye_scale(pair, KITTI, size) == Scale(baseline_m=0.54, focal_px=500.0)
    assert eye_scale(pair, None, size) == Scale(baseline_m=0.1, focal_px=500.0)
    assert eye_scale(KnownRig(camera=CAMERA), None, size) is None
    assert eye_scale(None, None, size) is None
