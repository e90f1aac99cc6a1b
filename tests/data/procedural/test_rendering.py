# SPDX-License-Identifier: Apache-2.0
"""Rendering: poses, exposure, sky, haze, and the picture of a hand-made scene."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from leadline.data.procedural.lighting import Light
from leadline.data.procedural.rendering import Air, Film, Picture, Pose, Scene, render, view_of
from tests.data.procedural.hand_made import ground_and_box

POSE = Pose(height_m=1.5, yaw=0.0, pitch=0.0, roll=0.0, focal_share=1.25)


def scene(*, noise: float = 0.0, haze: float = 0.0, pose: Pose = POSE) -> Scene:
    solids, materials = ground_and_box()
    white = (1.0, 1.0, 1.0)
    return Scene(
        kind="yard",
        solids=solids,
        materials=materials,
        light=Light(position_m=(0, 900, -900), key=white, reach_m=math.inf, above=white, below=white, shadow=0.0),
        air=Air(horizon=(0.2, 0.4, 0.9), zenith=(0.2, 0.4, 0.9), clouds=0.0, haze_per_m=haze),
        film=Film(brightness=0.3, softness=0.0, noise=noise, white=white),
        pose=pose,
    )


def picture(what: Scene, seed: int = 0) -> Picture:
    return render(what, view_of(what.pose, 60, 80), np.random.default_rng(seed))


def test_render__shows_the_box_brighter_than_the_ground_and_the_sky_blue() -> None:
    rgb = picture(scene()).rgb
    assert rgb.shape == (3, 60, 80)
    assert rgb.dtype == np.float32
    assert rgb[:, 40, 40].min() > rgb[:, 58, 5].max() + 0.1
    assert rgb[2, 5, 5] > rgb[1, 5, 5] > rgb[0, 5, 5]


def test_render__noise_is_the_only_randomness() -> None:
    assert np.array_equal(picture(scene(), 0).rgb, picture(scene(), 1).rgb)
    noisy = picture(scene(noise=0.02), 0)
    assert np.array_equal(noisy.rgb, picture(scene(noise=0.02), 0).rgb)
    assert (noisy.rgb - picture(scene()).rgb).std() == pytest.approx(0.02, rel=0.15)
    assert np.array_equal(noisy.depth_m, picture(scene()).depth_m)


def test_render__exposes_for_the_asked_brightness_and_keeps_a_given_gain() -> None:
    first = picture(scene())
    assert (first.rgb**2).mean() == pytest.approx(0.3, rel=0.05)
    what = scene()
    brighter = render(what, view_of(POSE, 60, 80), np.random.default_rng(0), gain=first.gain / 4)
    assert np.allclose(brighter.rgb[:, 58, 5], first.rgb[:, 58, 5] / 2, rtol=1e-4)  # transfer curve: square root


def test_render__haze_takes_far_things_towards_the_horizon_colour() -> None:
    clear, hazy = picture(scene()).rgb, picture(scene(haze=0.05)).rgb
    ratio = [rgb[2, 34, 5] / rgb[0, 34, 5] for rgb in (clear, hazy)]
    assert ratio[1] > ratio[0] * 1.2


def test_view_of__yaw_turns_right_pitch_up_and_roll_clockwise() -> None:
    turned = {name: view_of(replace(POSE, **{name: 0.1}), 60, 80).rotation for name in ("yaw", "pitch", "roll")}
    assert turned["yaw"][0, 2] == pytest.approx(math.sin(0.1))
    assert turned["pitch"][1, 2] == pytest.approx(math.sin(0.1))
    assert turned["roll"][1, 0] == pytest.approx(-math.sin(0.1))  # the camera's right side sinks
    for rotation in turned.values():
        assert np.allclose(rotation.T @ rotation, np.eye(3))
    assert view_of(POSE, 60, 80).focal_px == 100


def test_view__moved_right_stays_parallel() -> None:
    view = view_of(replace(POSE, yaw=0.3, pitch=-0.2, roll=0.1), 60, 80)
    moved = view.moved_right(0.25)
    assert np.allclose(moved.rotation, view.rotation)
    assert np.allclose(view.rotation.T @ (moved.position_m - view.position_m), [0.25, 0, 0])
