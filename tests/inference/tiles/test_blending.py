# SPDX-License-Identifier: Apache-2.0
"""Tiles put over each other."""

from __future__ import annotations

import numpy as np

from leadline.inference.tiles.blending import Blend


def full(value: float, height: int = 4, width: int = 4) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.full((height, width), value, np.float32)


def test_blend__weighs_what_lies_over_each_other() -> None:
    blend = Blend((4, 6), band_px=4, layers=1)
    sound = np.ones((4, 4), bool)
    blend.add([full(1.0)], sound, full(1.0), at=(0, 0))
    blend.add([full(5.0)], sound, full(3.0), at=(0, 2))
    blend.finish(4)
    assert blend.maps[0, 0].tolist() == [1, 1, 4, 4, 5, 5]
    assert blend.valid.all()


def test_blend__finishes_band_by_band() -> None:
    blend = Blend((7, 4), band_px=4, layers=2)
    sound = np.ones((4, 4), bool)
    weights = np.repeat(np.array([[5.0], [4.0], [3.0], [2.0]], np.float32), 4, axis=1)
    blend.add([full(2.0), full(0.5)], sound, weights, at=(0, 0))
    blend.finish(3)
    assert blend.maps[0, :3].tolist() == [[2.0] * 4] * 3
    blend.add([full(8.0), full(1.0)], sound, full(1.0), at=(3, 0))
    blend.finish(7)
    assert blend.maps[0, :, 0].tolist() == [2, 2, 2, 4, 8, 8, 8]
    np.testing.assert_allclose(blend.maps[1, :, 0], [0.5, 0.5, 0.5, 2 / 3, 1, 1, 1], rtol=1e-6)


def test_blend__an_invalid_pixel_yields_to_a_valid_one_and_is_never_read() -> None:
    blend = Blend((4, 4), band_px=4, layers=1)
    broken, valid = full(np.nan), np.zeros((4, 4), bool)
    broken[:, 0], valid[:, 0] = 7.0, True
    blend.add([broken], valid, full(1.0), at=(0, 0))
    other = np.ones((4, 4), bool)
    other[:, 3] = False
    blend.add([full(3.0)], other, full(1.0), at=(0, 0))
    blend.finish(4)
    assert blend.maps[0, 0].tolist() == [5, 3, 3, 0]
    assert blend.valid[0].tolist() == [True, True, True, False]
