# SPDX-License-Identifier: Apache-2.0
"""Radiance becomes a picture by the rule of the release: the 90th percentile of brightness is shown at 0.8."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.data.hypersim_tone import tone_mapped


def test_tone_mapped__puts_the_90th_percentile_at_08() -> None:
    grey = np.linspace(0.0, 5.0, 1001, dtype=np.float32)  # the 90th percentile is 4.5
    shown = tone_mapped(np.repeat(grey[None, :, None], 3, axis=2), np.full((1, 1001), True))
    assert shown[0, 900].tolist() == [204, 204, 204]
    assert shown[0, 450].tolist() == [round(255 * 0.8 * 0.5 ** (1 / 2.2))] * 3
    assert shown[0, -1, 0] == round(255 * 0.8 * (5 / 4.5) ** (1 / 2.2))
    assert shown[0, 0, 0] == 0


def test_tone_mapped__weighs_the_colours_and_counts_only_what_was_rendered() -> None:
    radiance = np.zeros((1, 2, 3), np.float16)
    radiance[0, 0] = (1.0, 2.0, 4.0)  # brightness 0.3 + 1.18 + 0.44
    radiance[0, 1] = 100.0
    shown = tone_mapped(radiance, np.array([[True, False]]))
    assert shown[0, 0].tolist() == [min(255, round(255 * 0.8 * (c / 1.92) ** (1 / 2.2))) for c in (1.0, 2.0, 4.0)]
    assert shown[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("value", [0.0, np.nan, 1e-6])
def test_tone_mapped__of_darkness_is_black(value: float) -> None:
    assert tone_mapped(np.full((2, 2, 3), value), np.full((2, 2), True)).max() == 0
    assert tone_mapped(np.full((2, 2, 3), 1.0), np.full((2, 2), False)).max() == 0


def test_tone_mapped__survives_numbers_that_are_none() -> None:
    radiance = np.ones((1, 4, 3), np.float32)
    radiance[0, 0], radiance[0, 1], radiance[0, 2] = np.nan, np.inf, -np.inf
    shown = tone_mapped(radiance, np.array([[False, False, False, True]]))
    assert shown[0, :, 0].tolist() == [0, 255, 0, 204]
