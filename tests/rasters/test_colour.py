# SPDX-License-Identifier: Apache-2.0
"""Numbers become colours."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from leadline.rasters.colour import (
    INK,
    INVALID_GREY,
    PAPER,
    Ramp,
    _oklch_to_srgb,
    colourise,
    fitted,
    font,
    ramp_colours,
    robust_range,
    text_size_px,
    tick_values,
    with_legend,
)


def luminance(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Relative luminance of sRGB (IEC 61966-2-1), to judge brightness independently of how the ramp was made."""
    c = colours.astype(np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    result: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return result


def one_row(values: list[float], ramp: Ramp = Ramp.DEPTH) -> NDArray[np.uint8]:
    row = np.array([values], np.float32)
    return colourise(row, np.isfinite(row), low=1.0, high=5.0, ramp=ramp).reshape(-1, 3)


def test_colourise__near_is_bright_and_warm_and_far_is_dark_and_cool() -> None:
    near, far = one_row([1.0, 5.0]).astype(int)
    assert luminance(near.astype(np.uint8)) > 0.8
    assert luminance(far.astype(np.uint8)) < 0.03
    assert near[0] > near[2]
    assert far[2] > far[0]


def test_ramp_colours__walk_from_blue_over_purple_and_red_to_yellow() -> None:
    blue, purple, red, yellow = ramp_colours(Ramp.DISPARITY)[[20, 75, 130, 250]].astype(int)
    assert blue[2] > 1.5 * max(blue[:2])
    assert min(purple[0], purple[2]) > 1.5 * purple[1]
    assert red[0] > 1.5 * max(red[1:])
    assert min(yellow[:2]) > yellow[2]


def test_colourise__disparity_puts_the_warm_end_at_large_values() -> None:
    assert one_row([1.0, 5.0], Ramp.DISPARITY).tolist() == one_row([5.0, 1.0]).tolist()


def test_colourise__no_error_is_white_and_large_error_is_red() -> None:
    none, large = one_row([1.0, 5.0], Ramp.ERROR).tolist()
    assert none == [255, 255, 255]
    assert large[0] > 4 * max(large[1:])


def test_colourise__values_beyond_the_scale_take_the_end_colours() -> None:
    below, low, high, above = one_row([0.2, 1.0, 5.0, 99.0]).tolist()
    assert below == low
    assert above == high
    assert low != high


def test_colourise__invalid_is_grey_whatever_the_value() -> None:
    values = np.array([[np.nan, 2.0, np.inf, 3.0]], np.float32)
    valid = np.array([[False, False, False, True]])
    picture = colourise(values, valid, low=1.0, high=5.0)
    assert (picture[0, :3] == INVALID_GREY).all()
    assert (picture[0, 3] != INVALID_GREY).any()


def test_colourise__a_nan_marked_valid_is_grey_too() -> None:
    assert (colourise(np.array([[np.nan]]), np.array([[True]]), low=0.0, high=1.0) == INVALID_GREY).all()


def test_colourise__survives_an_empty_scale() -> None:
    picture = colourise(np.array([[2.0, 2.0]]), np.ones((1, 2), bool), low=2.0, high=2.0)
    assert (picture == ramp_colours(Ramp.DEPTH)[0]).all()


@pytest.mark.parametrize("span", [0.0, -1.0, 5e-324])
def test_colourise__an_empty_scale_splits_at_its_low_end_without_a_warning(span: float) -> None:
    values = np.array([[-1.0, 0.0, 1e300]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = colourise(values, np.ones((1, 3), bool), low=0.0, high=span)
    near, far = ramp_colours(Ramp.DEPTH)[[0, -1]].tolist()
    assert picture[0].tolist() == [near, near, far]


@pytest.mark.parametrize("ramp", list(Ramp))
def test_ramp__brightness_runs_one_way_without_a_plateau(ramp: Ramp) -> None:
    perceived = np.cbrt(luminance(ramp_colours(ramp)))
    steps = np.diff(perceived if ramp is Ramp.DISPARITY else -perceived)
    assert (steps > -0.004).all()  # eight bits per channel leave this much jitter
    eighths = np.abs(np.diff(perceived[::32]))
    assert eighths.max() < 2.5 * eighths.min()


@pytest.mark.parametrize("ramp", list(Ramp))
def test_ramp__contains_no_grey_that_could_be_taken_for_invalid(ramp: Ramp) -> None:
    distance = np.abs(ramp_colours(ramp).astype(int) - INVALID_GREY).max(axis=1)
    assert distance.min() > 20


def test_ramp__colours_are_distinct_and_cannot_be_written_into() -> None:
    colours = ramp_colours(Ramp.DEPTH)
    assert len(np.unique(colours, axis=0)) > 250
    with pytest.raises(ValueError, match="read-only"):
        colours[0] = 0


def test_robust_range__leaves_out_the_tails_and_the_invalid() -> None:
    values = np.concatenate([np.linspace(0.0, 100.0, 1001), [1e9, np.nan, -1e9]])
    valid = np.ones(1004, bool)
    valid[-3:] = [False, False, False]
    assert robust_range(values, valid) == pytest.approx((2.0, 98.0))


def test_robust_range__ignores_nan_and_infinity_even_when_marked_valid() -> None:
    assert robust_range(np.array([1.0, np.nan, np.inf, 1.0, 3.0]), np.ones(5, bool))[1] <= 3.0


def test_robust_range__is_never_empty() -> None:
    for values in (np.array([4.0, 4.0]), np.array([0.0]), np.array([-3.0])):
        low, high = robust_range(values, np.ones(values.shape, bool))
        assert low < high
    assert robust_range(np.array([np.nan]), np.array([False])) == (0.0, 1.0)


def test_with_legend__keeps_the_picture_and_adds_a_bar_in_its_colours() -> None:
    picture = np.full((192, 256, 3), 77, np.uint8)
    shown = with_legend(picture, low=0.0, high=10.0, unit="m", title="prediction")
    assert shown.shape[1:] == (256, 3)
    size = text_size_px(256)
    top = round(1.6 * size)
    assert (shown[top : top + 192] == 77).all()
    bar_row = shown[top + 192 + size]
    margin = round(1.2 * size)
    assert bar_row[margin].tolist() == ramp_colours(Ramp.DEPTH)[0].tolist()
    assert bar_row[256 - margin - 1].tolist() == ramp_colours(Ramp.DEPTH)[-1].tolist()


def test_with_legend__frames_the_bar_without_covering_it() -> None:
    shown = with_legend(np.full((192, 256, 3), 77, np.uint8), low=0.0, high=10.0, unit="m", title="prediction")
    size = text_size_px(256)
    left, top = round(1.2 * size), round(1.6 * size) + 192 + round(0.5 * size)
    framed = (shown[top - 1 : top + size + 1, left - 1 : 256 - left + 1] == INK).all(axis=2)
    assert framed[[0, -1]].all()
    assert framed[:, [0, -1]].all()
    assert not framed[1:-1, 1:-1].any()


@pytest.mark.parametrize(
    ("lightness", "chroma", "hue_deg", "rgb"),
    [
        (0.62796, 0.25768, 29.2339, (255, 0, 0)),  # sRGB's own corners in OKLCh, as CSS Color 4 converts them
        (0.86644, 0.29483, 142.4953, (0, 255, 0)),
        (0.45201, 0.31321, 264.0520, (0, 0, 255)),
        (0.0025 ** (1 / 3), 0.0, 0.0, (8, 8, 8)),  # the straight part of the transfer curve: 12.92 x 0.0025 x 255 = 8.2
    ],
)
def test_oklch_to_srgb__gives_the_known_colours(
    lightness: float, chroma: float, hue_deg: float, rgb: tuple[int, int, int]
) -> None:
    found = _oklch_to_srgb(np.array([lightness]), np.array([chroma]), np.array([hue_deg]))
    assert np.abs(found[0].astype(int) - rgb).max() <= (0 if chroma == 0 else 1)


def test_with_legend__writes_title_and_ticks_and_says_when_there_is_no_unit() -> None:
    picture = np.zeros((50, 300, 3), np.uint8)
    strip = slice(0, round(1.6 * text_size_px(300)))
    with_unit = with_legend(picture, low=0.0, high=1.0, unit="m", title="a")
    without = with_legend(picture, low=0.0, high=1.0, unit=None, title="a")
    assert (with_unit[strip] != 255).any()
    assert (without[strip] != 255).sum() > (with_unit[strip] != 255).sum()
    below_bar = slice(strip.stop + 50 + round(1.9 * text_size_px(300)), None)
    assert (with_unit[below_bar] != 255).sum() > (without[below_bar] != 255).sum() > 0


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (20, 12), (10, 2000)])
def test_with_legend__bears_any_size_of_picture(size: tuple[int, int]) -> None:
    shown = with_legend(np.zeros((*size, 3), np.uint8), low=0.3, high=7.0, unit="px", title="t" * 50, ramp=Ramp.ERROR)
    assert shown.shape[1] == size[1]
    assert shown.shape[0] > size[0]
    assert shown[0, 0].tolist() == list(PAPER)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), count=st.integers(1, 9))
def test_tick_values__are_round_few_and_inside(low: float, span: float, count: int) -> None:
    high = low + span
    ticks = tick_values(low, high, count=count)
    assert len(ticks) <= count + 1
    assert all(low - 1e-6 * span <= t <= high + 1e-6 * span for t in ticks)
    assert ticks == sorted(set(ticks))


def test_tick_values__of_common_ranges() -> None:
    assert tick_values(0.0, 10.0, count=5) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert tick_values(0.7, 3.1, count=5) == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert tick_values(2.0, 2.0, count=5) == [2.0]
    assert tick_values(float("nan"), 2.0, count=5)


def test_fitted__cuts_only_what_does_not_fit() -> None:
    assert fitted("short", 500, 12) == "short"
    cut = fitted("a long caption that cannot fit", 90, 12)
    assert cut.endswith("…")
    assert font(12).getlength(cut) <= 90


def test_text_size__grows_with_the_picture_and_stays_readable() -> None:
    assert text_size_px(100) == 12
    assert text_size_px(3200) == 80


def test_colourise__a_tall_map_is_coloured_row_for_row_as_a_short_one() -> None:
    values = np.random.default_rng(0).uniform(0, 5, (300, 4)).astype(np.float32)
    valid = values > 0.5
    whole = colourise(values, valid, low=1.0, high=4.0)
    rows = [colourise(values[i : i + 1], valid[i : i + 1], low=1.0, high=4.0) for i in range(300)]
    assert np.array_equal(whole, np.concatenate(rows))


def test_robust_range__leaves_the_values_as_they_were() -> None:
    values = np.random.default_rng(0).uniform(0, 5, (30, 40)).astype(np.float32)
    before = values.copy()
    low, high = robust_range(values, values > -1)
    assert np.array_equal(values, before)
    assert (low, high) == pytest.approx(tuple(np.percentile(before.astype(float), (2, 98))), rel=1e-6)
