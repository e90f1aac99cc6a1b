# SPDX-License-Identifier: Apache-2.0
"""Ordinal pairs: clear, valid, padded where there are too few."""

from __future__ import annotations

import numpy as np

from leadline.data.procedural.ordinal_pairs import draw_pairs


def test_draw_pairs__reads_no_invalid_pixel() -> None:
    depth_m = np.array([[1.0, 2.0], [np.nan, 3.0]], np.float32)
    pairs = draw_pairs(depth_m, np.isfinite(depth_m), 20, np.random.default_rng(0))
    assert pairs.valid.all()
    both = np.concatenate([pairs.nearer_rc.numpy(), pairs.farther_rc.numpy()])
    assert not (both == [1, 0]).all(1).any()
    assert (depth_m[tuple(pairs.nearer_rc.T.numpy())] < depth_m[tuple(pairs.farther_rc.T.numpy())]).all()


def test_draw_pairs__pads_where_nothing_is_clearly_nearer() -> None:
    flat = np.full((4, 4), 2.0, np.float32)
    pairs = draw_pairs(flat, np.ones((4, 4), bool), 6, np.random.default_rng(0))
    assert pairs.nearer_rc.shape == (6, 2)
    assert not pairs.valid.any()
    assert not draw_pairs(flat, np.zeros((4, 4), bool), 6, np.random.default_rng(0)).valid.any()


def test_draw_pairs__is_a_function_of_its_generator() -> None:
    depth_m = np.linspace(1, 9, 64, dtype=np.float32).reshape(8, 8)
    draws = [draw_pairs(depth_m, depth_m > 0, 9, np.random.default_rng(seed)).nearer_rc for seed in (1, 1, 2)]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()
