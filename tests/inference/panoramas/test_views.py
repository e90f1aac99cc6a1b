# SPDX-License-Identifier: Apache-2.0
"""Ordinary cameras inside a panorama."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.inference.panoramas.views import (
    FIELD_OF_VIEW_DEG,
    View,
    all_views,
    even_directions,
    panorama_directions,
    rendered,
    sampled,
)


def test_panorama_directions__look_where_the_module_says() -> None:
    size = (180, 360)
    middle = panorama_directions(slice(0, 180), size).reshape(180, 360, 3)
    np.testing.assert_allclose(middle[90, 180], [0, 0, 1], atol=0.02)
    np.testing.assert_allclose(middle[90, 270], [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(middle[90, 0], [0, 0, -1], atol=0.02)
    np.testing.assert_allclose(middle[0, 17], [0, -1, 0], atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(middle, axis=-1), 1.0)
    np.testing.assert_array_equal(panorama_directions(slice(7, 9), size), middle[7:9].reshape(-1, 3))


def test_even_directions__are_even_and_of_length_one() -> None:
    directions = even_directions(2000)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    np.testing.assert_allclose(directions.mean(axis=0), 0.0, atol=1e-3)
    assert (directions[:, 0] > 0.5).mean() == pytest.approx(0.25, abs=0.01)  # a cap's share of the sphere is (1 - h) / 2


def test_all_views__see_every_direction_well_inside_one_and_few_in_one_only() -> None:
    directions = even_directions(5000)
    margins = []
    for view in all_views():
        np.testing.assert_allclose(view.axes @ view.axes.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(view.axes) == pytest.approx(1.0)
        places, cosine = view.plane(directions)
        margins.append(np.where(cosine > 0, 1 - np.abs(places).max(axis=1), -1))
    assert np.max(margins, axis=0).min() > 0.3
    assert ((np.array(margins) > 0).sum(axis=0) >= 2).mean() > 0.85


def test_all_views__are_upright() -> None:
    for view in all_views():
        assert view.axes[0, 1] == 0.0  # right is level
        assert view.axes[1, 1] > -1e-9  # down is not up


def test_plane__and_rays_are_each_others_inverse() -> None:
    for view in all_views():
        rays = view.rays(6).reshape(-1, 3)
        places, cosine = view.plane(rays)
        across = (np.arange(6) + 0.5) / 3 - 1
        np.testing.assert_allclose(places[:, 0].reshape(6, 6), np.broadcast_to(across, (6, 6)), atol=1e-12)
        np.testing.assert_allclose(places[:, 1].reshape(6, 6), np.broadcast_to(across[:, None], (6, 6)), atol=1e-12)
        np.testing.assert_allclose(cosine, rays @ view.axes[2])
    corner = np.degrees(np.arccos(view.rays(1000)[500, 0] @ view.axes[2]))
    assert corner == pytest.approx(FIELD_OF_VIEW_DEG / 2, abs=0.1)


def coloured(size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A panorama whose colours are the directions in which they lie."""
    directions = panorama_directions(slice(0, size[0]), size).reshape(*size, 3)
    return np.rint((directions + 1) * 127.5).astype(np.uint8)


def test_rendered__shows_what_lies_in_each_direction_across_the_rim_too() -> None:
    panorama = coloured((400, 800))
    for view in all_views():
        seen = rendered(panorama, view, 40)
        np.testing.assert_allclose(seen / 127.5 - 1, view.rays(40), atol=0.02)


def test_rendered__blends_the_last_column_into_the_first() -> None:
    panorama = np.zeros((4, 8, 3), np.uint8)
    panorama[:, 7] = 200
    backwards = View(axes=np.diag([-1.0, 1.0, -1.0]))
    row = rendered(panorama, backwards, 101)[50, 45:56, 0].astype(int)
    assert row[5] == 100
    assert row[0] > row[4] > row[6] > row[10] > 0


def test_sampled__is_bilinear_and_level_beyond_the_outermost_centres() -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    places = np.array([[-0.75, -0.75], [0.0, 0.0], [0.25, -0.75], [1.0, 1.0], [-1.0, 0.75]])
    np.testing.assert_allclose(sampled(values, places), [0, 7.5, 2, 15, 12])
    assert sampled(np.full((1, 1), 3, np.float32), places).tolist() == [3.0] * 5
