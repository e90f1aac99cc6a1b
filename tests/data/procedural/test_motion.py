# SPDX-License-Identifier: Apache-2.0
"""Where a walking camera stands before and after, and what that means for points."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.data.procedural.motion import FARTHEST_OFFSET, Course, draw_course, motion_between, require_near, view_after
from leadline.data.procedural.rendering import Pose, view_of
from leadline.data.procedural.scenes import ProceduralScenes

POSE = Pose(height_m=1.5, yaw=0.3, pitch=-0.1, roll=0.02, focal_share=0.8)
VIEW = view_of(POSE, 48, 64)


def test_view_after__walks_its_step_along_the_heading() -> None:
    course = Course(step_m=0.5, heading=0.0, turn=0.0)
    ahead = view_after(course, POSE, VIEW, offset=2, random=Random(0))
    assert ahead.position_m[2] == pytest.approx(1.0)
    assert ahead.position_m[0] == pytest.approx(0.0)
    assert ahead.position_m[1] == pytest.approx(1.5, abs=0.01)
    assert (ahead.height, ahead.width, ahead.focal_px) == (VIEW.height, VIEW.width, VIEW.focal_px)
    assert view_after(course, POSE, VIEW, offset=-1, random=Random(0)).position_m[2] == pytest.approx(-0.5)


def test_motion_between__takes_a_world_point_from_one_camera_into_the_other() -> None:
    course = draw_course(Random(4), "street", POSE)
    there = view_after(course, POSE, VIEW, offset=1, random=Random(1))
    point = np.array([0.7, 1.0, 9.0])
    here_frame, there_frame = ((point - view.position_m) @ view.rotation for view in (VIEW, there))
    motion = motion_between(start=VIEW, end=there)
    np.testing.assert_allclose(motion[:3, :3] @ here_frame + motion[:3, 3], there_frame, atol=1e-5)
    np.testing.assert_allclose(motion @ motion_between(start=there, end=VIEW), np.eye(4), atol=1e-6)
    assert motion[2, 3] < -0.2  # forward: points come nearer
    assert motion.dtype == np.float32


@pytest.mark.parametrize(("kind", "low", "high"), [("room", 0.04, 0.12), ("yard", 0.06, 0.15), ("street", 0.25, 0.7)])
def test_draw_course__keeps_the_pace_of_its_scene(kind: str, low: float, high: float) -> None:
    steps = [draw_course(Random(seed), kind, POSE).step_m for seed in range(50)]
    assert low <= min(steps) < max(steps) <= high


@pytest.mark.parametrize("offsets", [(0,), (1, 1), (FARTHEST_OFFSET + 1,), (-1, -FARTHEST_OFFSET - 1)])
def test_require_near__refuses_itself_twice_and_far(offsets: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="neighbours from -3 to 3 but for 0, each once"):
        require_near(offsets)
    with pytest.raises(UsageError, match="neighbours from -3 to 3"):
        ProceduralScenes(1, neighbours=offsets)


def test_scenes__with_neighbours_show_the_same_middle_and_say_so() -> None:
    plain, moving = (ProceduralScenes(2, height=24, width=32, neighbours=one) for one in ((), (-1, 2)))
    assert plain[1].neighbours is None
    assert Field.NEIGHBOURS not in plain.provides
    assert moving.provides == plain.provides | {Field.NEIGHBOURS}
    sample, again = moving[1], moving[1]
    assert torch.equal(sample.image, plain[1].image)
    assert sample.neighbours is not None
    assert again.neighbours is not None
    assert torch.equal(sample.neighbours.image, again.neighbours.image)
    assert sample.neighbours.image.shape == (2, 3, 24, 32)
    assert sample.neighbours.offsets == (-1, 2)
    motion = sample.neighbours.neighbour_from_sample_m
    assert motion is not None
    assert motion[0, 2, 3] > 0 > motion[1, 2, 3]  # the earlier camera stood behind, the later one stands ahead
    assert float(motion[1, :3, 3].norm() / motion[0, :3, 3].norm()) == pytest.approx(2, rel=0.2)
    alone = ProceduralScenes(2, height=24, width=32, neighbours=(2,))[1].neighbours
    assert alone is not None
    assert torch.equal(alone.image[0], sample.neighbours.image[1])  # what else is asked for changes nothing
