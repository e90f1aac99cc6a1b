# SPDX-License-Identifier: Apache-2.0
"""Panoramas, in scenes whose distances are known in every direction."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.inference.panoramas.panorama import PanoramaPredictor
from leadline.inference.panoramas.views import FIELD_OF_VIEW_DEG, panorama_directions
from leadline.inference.test_time import with_test_time
from tests.inference.stand_ins import FormulaPredictor

SIZE = (120, 240)
SIDE_PX = 64
HALF_ROOM_M = np.array([2.0, 1.4, 3.0])  # from the camera to the walls, along x, y and z


def directions(size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    return panorama_directions(slice(0, size[0]), size).reshape(*size, 3)


def coloured() -> NDArray[np.uint8]:
    """A panorama whose colours are directions, so that a formula may know where it looks."""
    picture: NDArray[np.uint8] = np.rint((directions() + 1) * 127.5).astype(np.uint8)
    return picture


def room_m(toward: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the ray from the middle of a box room to its wall."""
    distance: NDArray[np.float64] = (HALF_ROOM_M / np.maximum(np.abs(toward), 1e-9)).min(axis=-1)
    return distance


def cosines(side_px: int) -> NDArray[np.float64]:
    """Of the angle to the optical axis, for each pixel of a view."""
    across = ((np.arange(side_px) + 0.5) / side_px * 2 - 1) * math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
    cosine: NDArray[np.float64] = 1 / np.sqrt(1 + across**2 + across[:, None] ** 2)
    return cosine


def room_z_m(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What a perfect network says of a view of the coloured room."""
    toward = picture / 127.5 - 1
    return room_m(toward / np.linalg.norm(toward, axis=-1, keepdims=True)) * cosines(len(picture))


def moods(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """A factor and an offset that depend on the view."""
    rng = np.random.default_rng(int(picture[32, 32].astype(int) @ [1, 256, 65536]))
    return rng.uniform(0.5, 2.0), rng.uniform(-1.0, 1.0)


def panorama(formula: FormulaPredictor) -> PanoramaPredictor:
    formula.preprocessing = type(formula.preprocessing)(input_size=SIDE_PX)
    return PanoramaPredictor(formula)


def test_panorama__a_sphere_around_the_camera_has_one_distance_in_metres() -> None:
    sphere = FormulaPredictor(lambda x: 5.0 * cosines(len(x)), DepthKind.METRIC)
    depth = panorama(sphere).predict_batch([coloured()])[0]
    np.testing.assert_allclose(depth.values, 5.0, rtol=5e-3)
    assert depth.values.shape == SIZE
    assert depth.values.dtype == np.float32
    assert depth.valid.all()
    said = json.loads(json.dumps(depth.notes))["panorama"]
    np.testing.assert_allclose(said["scales"], 1.0, rtol=1e-3)
    assert said["values"] == "length of the ray from the centre, not z-depth"
    assert said["views"] == 12
    assert sphere.seen == [(SIDE_PX, SIDE_PX, 3)] * 12


def test_panorama__a_box_room_has_its_true_distances() -> None:
    depth = panorama(FormulaPredictor(room_z_m, DepthKind.METRIC)).predict_batch([coloured()])[0]
    error = np.abs(depth.values / room_m(directions()) - 1)
    assert np.median(error) < 0.01
    assert error.max() < 0.08  # in the room's corners, which views of 64 pixels round off


def test_panorama__views_that_are_off_by_factors_agree_again() -> None:
    moody = FormulaPredictor(lambda x: room_z_m(x) * moods(x)[0], DepthKind.METRIC)
    depth = panorama(moody).predict_batch([coloured()])[0]
    ratio = depth.values / room_m(directions())
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=0.08)
    said = depth.notes["panorama"]
    assert np.log(said["scales"]).mean() == pytest.approx(0.0, abs=1e-9)  # type: ignore[index]
    assert np.ptp(np.log(said["scales"])) > 0.5  # type: ignore[index]


@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DISPARITY, DepthKind.AFFINE_DEPTH])
def test_panorama__views_in_units_of_their_own_agree_again_up_to_one_factor(kind: DepthKind) -> None:
    def view(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        truth = 1 / room_z_m(picture) if kind.near_is_large else room_z_m(picture)
        scale, shift = moods(picture)
        return truth * scale + shift

    depth = panorama(FormulaPredictor(view, kind)).predict_batch([coloured()])[0]
    truth = 1 / room_m(directions()) if kind.near_is_large else room_m(directions())
    assert np.corrcoef(depth.values.ravel(), truth.ravel())[0, 1] > 0.98
    expected = "reciprocal of the length of the ray" if kind.near_is_large else "length of the ray"
    assert str(depth.notes["panorama"]["values"]).startswith(expected)  # type: ignore[index]


def test_panorama__closes_where_left_meets_right() -> None:
    turned = np.roll(coloured(), SIZE[1] // 2, axis=1)
    for picture in (coloured(), turned):
        depth = panorama(FormulaPredictor(room_z_m, DepthKind.METRIC)).predict_batch([picture])[0]
        assert depth.notes["panorama"]["wrap_ratio"] < 1.3  # type: ignore[index]
        inner = np.abs(np.diff(depth.values, axis=1)).max()
        assert np.abs(depth.values[:, 0] - depth.values[:, -1]).max() <= inner


def test_panorama__what_one_view_cannot_say_another_does_and_nothing_invalid_is_read() -> None:
    def holed(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        depth = 5.0 * cosines(len(picture))
        depth[30:34, 4:10] = np.nan
        return depth

    depth = panorama(FormulaPredictor(holed, DepthKind.METRIC)).predict_batch([coloured()])[0]
    assert depth.valid.all()
    np.testing.assert_allclose(depth.values, 5.0, rtol=5e-3)
    silent = panorama(FormulaPredictor(lambda x: np.full(x.shape[:2], np.nan))).predict_batch([coloured()])[0]
    assert not silent.valid.any()


def test_panorama__confidence_is_blended_as_it_is() -> None:
    sure = FormulaPredictor(
        lambda x: 5.0 * cosines(len(x)), DepthKind.METRIC, confidence=lambda x: np.full(x.shape[:2], 0.4)
    )
    sure.preprocessing = type(sure.preprocessing)(input_size=SIDE_PX)
    depth = PanoramaPredictor(with_test_time(sure, "flip")).predict_batch([coloured()])[0]
    assert depth.confidence is not None
    np.testing.assert_allclose(depth.confidence, 0.4, rtol=1e-5)


def test_panorama__shrinks_a_fine_one_for_its_views_and_keeps_its_size() -> None:
    fine = np.random.default_rng(0).integers(0, 256, (400, 800, 3), dtype=np.uint8)  # averages to grey
    told: list[tuple[int, int]] = []
    formula = FormulaPredictor(lambda x: x[..., 0] / 255 + 1, DepthKind.METRIC)
    formula.preprocessing = type(formula.preprocessing)(input_size=16)
    depth = PanoramaPredictor(formula, lambda done, total: told.append((done, total))).predict_batch([fine])[0]
    assert depth.values.shape == (400, 800)
    assert told == [(done, 12) for done in range(1, 13)]
    ray = 1.5 / cosines(16)
    assert depth.values.min() > 1.2
    assert depth.values.max() < 1.25 * ray.max()


def test_panorama__refuses_ordinary_pictures_and_stereo_disparity() -> None:
    formula = FormulaPredictor(room_z_m, DepthKind.METRIC)
    for shape in ((100, 150, 3), (1, 2, 3), (100, 205, 3)):
        with pytest.raises(DataError, match=f"{shape[1]}x{shape[0]}"):
            PanoramaPredictor(formula).predict_batch([np.zeros(shape, np.uint8)])
    with pytest.raises(UsageError, match="stereo_disparity"):
        PanoramaPredictor(FormulaPredictor(room_z_m, DepthKind.STEREO_DISPARITY))
    described = PanoramaPredictor(formula)
    assert (described.kind, described.description) == (formula.kind, formula.description)
    assert described.preprocessing is formula.preprocessing
