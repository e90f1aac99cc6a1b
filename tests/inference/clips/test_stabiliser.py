# SPDX-License-Identifier: Apache-2.0
"""Depth of a clip without the jumps of its scale and shift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.clips.flicker import FlickerMeter
from leadline.inference.clips.grid import brightness
from leadline.inference.clips.stabiliser import Stabilised, Stabiliser
from tests.inference.made_clips import Made, as_map, room

RATE = 30.0


def run(stabiliser: Stabiliser, frames: list[Made], maps: list[DepthMap]) -> list[Stabilised]:
    return [
        stabiliser.step(depth, brightness(frame.rgb), index / RATE)
        for index, (frame, depth) in enumerate(zip(frames, maps, strict=True))
    ]


def flicker(frames: list[Made], maps: list[DepthMap]) -> float:
    meter = FlickerMeter()
    for frame, depth in zip(frames, maps, strict=True):
        meter.add(depth, brightness(frame.rgb))
    assert meter.value is not None
    return meter.value


def disparity(frames: list[Made], seed: int, *, noise: float = 0.0, drawn: float = 1.0) -> list[DepthMap]:
    """Inverse depth under another random scale and shift in every frame, the first one's being 1 and 0.

    Args:
        frames: what is seen.
        seed: of all that is random; the noise of a seed is the same whatever else is drawn.
        noise: standard deviation of what every pixel adds, 1/m, before the scale.
        drawn: how much of the drawn (log) scale and shift is applied; 0 leaves the noise alone.
    """
    rng = np.random.default_rng(seed)
    maps = []
    for index, frame in enumerate(frames):
        scale, shift = (1.0, 0.0) if index == 0 else (math.exp(rng.normal(0, 0.3 * drawn)), rng.normal(0, 0.1 * drawn))
        grain = rng.normal(0, noise, frame.depth_m.shape)
        maps.append(as_map(scale * (1 / frame.depth_m + grain) + shift, DepthKind.AFFINE_DISPARITY))
    return maps


def metres(frames: list[Made], seed: int, spread: float = 0.05) -> list[DepthMap]:
    rng = np.random.default_rng(seed)
    return [as_map(frame.depth_m * math.exp(rng.normal(0, spread)), DepthKind.METRIC) for frame in frames]


def worst(found: NDArray[np.float32], truth: NDArray[np.float64]) -> float:
    return float(np.abs(found - truth).max())


def test_step__random_scales_and_shifts_become_constant() -> None:
    frames = [room()] * 40
    maps = disparity(frames, 1)
    stable = run(Stabiliser(DepthKind.AFFINE_DISPARITY, drift_s=math.inf), frames, maps)
    assert max(worst(one.depth.values, 1 / frames[0].depth_m) for one in stable) < 1e-5
    assert max(worst(one.values, 1 / frames[0].depth_m) for one in maps) > 0.2


def test_step__with_noise_and_drift_they_become_constant_up_to_it() -> None:
    frames = [room()] * 90
    maps = disparity(frames, 2, noise=0.01)
    stable = [one.depth for one in run(Stabiliser(DepthKind.AFFINE_DISPARITY), frames, maps)]
    before, after = flicker(frames, maps), flicker(frames, stable)
    assert before > 0.3
    # the grain itself: median |second difference| is 0.674 * sqrt(6) * 0.01, over a range of about 0.25
    assert after < 1.3 * 0.674 * math.sqrt(6) * 0.01 / 0.25
    assert max(abs(float(np.mean(one.values - 1 / frames[0].depth_m))) for one in stable) < 0.02


def test_step__does_not_flatten_a_long_noisy_clip() -> None:
    """Regression onto the last frame would shrink the factor at every one of these."""
    frames = [room()] * 150
    maps = disparity(frames, 3, noise=0.03)
    stable = run(Stabiliser(DepthKind.AFFINE_DISPARITY, drift_s=math.inf), frames, maps)
    x = (1 / frames[0].depth_m).ravel()
    slope = np.polyfit(x - x.mean(), stable[-1].depth.values.ravel().astype(np.float64), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DISPARITY, DepthKind.METRIC])
def test_step__an_approaching_object_keeps_approaching(kind: DepthKind) -> None:
    frames = [room(box_m=box_m) for box_m in np.linspace(3.0, 1.6, 40)]
    maps = disparity(frames, 4) if kind is DepthKind.AFFINE_DISPARITY else metres(frames, 4)
    stable = run(Stabiliser(kind, drift_s=math.inf), frames, maps)
    factor = maps[0].values[0, 0] / frames[0].depth_m[0, 0] if kind is DepthKind.METRIC else 1.0
    for frame, one in zip(frames, stable, strict=True):
        truth = frame.depth_m * factor if kind is DepthKind.METRIC else 1 / frame.depth_m
        assert worst(one.depth.values, truth) < 1e-3
        assert not one.restarted or frame is frames[0]


def test_step__metres_follow_a_camera_that_walks_towards_a_wall() -> None:
    """Two seconds at rest, then from 5 m to 1.8 m at a fifth per second."""
    depths = [5.0 * math.exp(-0.2 * max(0.0, index / RATE - 2.0)) for index in range(210)]
    shape = room().depth_m / 6.0
    frames = [Made(room().rgb, shape * depth) for depth in depths]
    maps = metres(frames, 5)
    stable = run(Stabiliser(DepthKind.METRIC), frames, maps)
    errors = [np.median(one.depth.values / frame.depth_m) - 1 for one, frame in zip(stable, frames, strict=True)]
    assert np.abs(errors[60:]).max() < 0.12
    assert np.abs(errors[-30:]).mean() < 0.05
    jumps = [abs(one.scale * float(np.median(raw.values))) for one, raw in zip(stable, maps, strict=True)]
    assert np.abs(np.diff(np.log(jumps), 2)).mean() < 0.1 * np.abs(np.diff(np.log([m.values[0, 0] for m in maps]), 2)).mean()


def test_step__metres_get_a_factor_and_never_a_shift() -> None:
    frames = [room()] * 5
    for one in run(Stabiliser(DepthKind.METRIC), frames, metres(frames, 6)):
        assert one.shift == 0.0
        assert one.depth.kind is DepthKind.METRIC


def test_step__another_scene_starts_anew() -> None:
    frames = [room()] * 5 + [room(seed=1)] * 5
    stable = run(Stabiliser(DepthKind.AFFINE_DISPARITY), frames, maps := disparity(frames, 7))
    assert [one.restarted for one in stable] == [True, *[False] * 4, True, *[False] * 4]
    assert (stable[5].depth.values == maps[5].values).all()


def test_step__a_flash_is_no_other_scene() -> None:
    frames = [room()] * 3
    frames.append(Made(np.clip(frames[0].rgb.astype(int) + 30, 0, 255).astype(np.uint8), frames[0].depth_m))
    stable = run(Stabiliser(DepthKind.AFFINE_DISPARITY, drift_s=math.inf), frames, disparity(frames, 8))
    assert not stable[3].restarted
    assert worst(stable[3].depth.values, 1 / frames[0].depth_m) < 1e-4


def test_step__a_map_that_no_fit_explains_starts_anew() -> None:
    frame = room()
    constant = as_map(np.full_like(frame.depth_m, 2.0), DepthKind.AFFINE_DISPARITY)
    inverted = as_map(frame.depth_m, DepthKind.AFFINE_DISPARITY)
    stabiliser = Stabiliser(DepthKind.AFFINE_DISPARITY)
    stable = run(stabiliser, [frame] * 3, [as_map(1 / frame.depth_m, DepthKind.AFFINE_DISPARITY), constant, inverted])
    assert [one.restarted for one in stable] == [True, True, True]
    assert (stable[1].depth.values == 2.0).all()


def test_step__reads_no_invalid_pixel() -> None:
    frames = [room()] * 6
    maps = disparity(frames, 9)
    poisoned = []
    for one in maps:
        values, valid = one.values.copy(), one.valid.copy()
        values[:, ::3], valid[:, ::3] = np.nan, False
        values[::7], valid[::7] = 1e6, False
        poisoned.append(DepthMap(values=values, valid=valid, kind=one.kind))
    stable = run(Stabiliser(DepthKind.AFFINE_DISPARITY, drift_s=math.inf), frames, poisoned)
    for found in stable:
        seen = found.depth.valid
        assert worst(found.depth.values[seen], (1 / frames[0].depth_m)[seen]) < 1e-5


def test_step__frames_without_one_valid_pixel_pass_through() -> None:
    frame = room()
    nothing = DepthMap(
        values=np.full(frame.depth_m.shape, np.nan, np.float32),
        valid=np.zeros(frame.depth_m.shape, bool),
        kind=DepthKind.METRIC,
    )
    stable = run(Stabiliser(DepthKind.METRIC), [frame] * 3, [nothing, as_map(frame.depth_m, DepthKind.METRIC), nothing])
    assert [one.scale for one in stable] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("noise", [0.005, 0.02])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_stabiliser__what_drawn_scales_and_shifts_add_is_gone_up_to_the_noise(noise: float, seed: int) -> None:
    frames = [room()] * 20
    maps = disparity(frames, seed, noise=noise)
    floor = flicker(frames, disparity(frames, seed, noise=noise, drawn=0.0))  # the same noise under one scale and shift
    stable = [one.depth for one in run(Stabiliser(DepthKind.AFFINE_DISPARITY), frames, maps)]
    assert flicker(frames, maps) > 5 * floor
    assert flicker(frames, stable) < 1.02 * floor
