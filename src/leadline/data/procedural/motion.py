# SPDX-License-Identifier: Apache-2.0
"""A pose and random draws enter; where the same moving camera stood some frames before and after leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leadline.contracts.errors import UsageError
from leadline.data.procedural.rendering import Pose, view_of

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

    from leadline.data.procedural.tracing import View

FARTHEST_OFFSET = 3
"""Frames: builders keep some way before and behind the camera free, and a longer walk could end inside a wall."""

_STEP_M = {"room": (0.04, 0.12), "yard": (0.06, 0.15), "street": (0.25, 0.7)}
"""At ten frames a second: somebody walking, and a car in a street."""
_TURN_DEG = 1.5
_DRIFT_DEG = 12.0
_SHAKE_DEG = 0.25
_BOB_M = 0.008


def require_near(offsets: tuple[int, ...]) -> None:
    """Refuse frames that are too far away, the picture itself, and any that is asked for twice.

    Raises:
        UsageError: an offset that is 0, beyond ``FARTHEST_OFFSET``, or there twice.
    """
    if len(set(offsets)) < len(offsets) or any(not 0 < abs(offset) <= FARTHEST_OFFSET for offset in offsets):
        expected = f"neighbours from -{FARTHEST_OFFSET} to {FARTHEST_OFFSET} but for 0, each once"
        raise UsageError(expected=expected, got=f"neighbours {offsets}", remedy="write e.g. neighbours=-1,1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How the camera moves from frame to frame.

    Attributes:
        step_m: way along the ground, metres a frame.
        heading: direction of that way in radians, to the right of world z.
        turn: change of yaw, radians a frame.
    """

    step_m: float
    heading: float
    turn: float


def draw_course(random: Random, kind: str, pose: Pose) -> Course:
    """A steady course, about to where the camera of ``pose`` (metres, radians) looks; ``kind`` of scene sets the pace."""
    low, high = _STEP_M[kind]
    return Course(
        step_m=random.uniform(low, high),
        heading=pose.yaw + math.radians(random.uniform(-_DRIFT_DEG, _DRIFT_DEG)),
        turn=math.radians(random.uniform(-_TURN_DEG, _TURN_DEG)),
    )


def view_after(course: Course, pose: Pose, view: View, *, offset: int, random: Random) -> View:
    """The camera of ``pose``, seen as ``view``, so many frames later or, below 0, earlier; ``random`` shakes it a little.

    Size and focal length in pixels stay those of ``view``.
    """
    shake = math.radians(_SHAKE_DEG)
    there = replace(
        pose,
        height_m=pose.height_m + random.uniform(-_BOB_M, _BOB_M),
        yaw=pose.yaw + offset * course.turn + random.uniform(-shake, shake),
        pitch=pose.pitch + random.uniform(-shake, shake),
        roll=pose.roll + random.uniform(-shake, shake),
    )
    moved = view_of(there, view.height, view.width)
    way_m = offset * course.step_m
    along = np.array([way_m * math.sin(course.heading), 0.0, way_m * math.cos(course.heading)])
    return replace(moved, position_m=moved.position_m + along)


def motion_between(*, start: View, end: View) -> NDArray[np.float32]:
    """(4, 4) that takes points in metres from the camera frame of ``start`` (right, down, forward) into that of ``end``."""
    motion = np.eye(4)
    motion[:3, :3] = end.rotation.T @ start.rotation
    motion[:3, 3] = end.rotation.T @ (start.position_m - end.position_m)
    return motion.astype(np.float32)
