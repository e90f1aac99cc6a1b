# SPDX-License-Identifier: Apache-2.0
"""Stored numbers become metres and a mask; nothing is clamped and nothing becomes zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind
from leadline.data.decoding import decode_linear


def test_decode_linear__rounds_once_from_the_exact_product() -> None:
    raw = np.arange(1, 65536, dtype=np.uint16).reshape(1, -1)
    for divisor in (1000, 5000, 256):
        values, valid = decode_linear(raw, scale=1.0 / divisor)
        np.testing.assert_array_equal(values, (raw.astype(np.float64) / divisor).astype(np.float32))
        assert values.dtype == np.float32
        assert valid.all()


@pytest.mark.parametrize("scale", [10 / 255, 50 / 65535, 0.3, 2.0, 1e-310, -0.5])
def test_decode_linear__multiplies_where_the_scale_is_no_simple_fraction(scale: float) -> None:
    raw = np.array([[0, 1, 26, 255]], np.uint8)
    values, _ = decode_linear(raw, scale=scale)
    np.testing.assert_array_equal(values, (raw * np.float64(scale)).astype(np.float32))


def test_decode_linear__keeps_numbers_that_float32_cannot_hold() -> None:
    raw = np.array([[16777217, 33554433]], np.int32)
    values, _ = decode_linear(raw, scale=0.001)
    np.testing.assert_array_equal(values, (raw / 1000).astype(np.float32))


def test_decode_linear__masks_every_invalid_code() -> None:
    raw = np.array([[0, 1, 65534, 65535]], np.uint16)
    assert decode_linear(raw, scale=0.001)[1].tolist() == [[False, True, True, True]]
    assert decode_linear(raw, scale=0.001, invalid_values=(0, 65535))[1].tolist() == [[False, True, True, False]]
    assert decode_linear(raw, scale=0.001, offset=1.0, invalid_values=())[1].all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_decode_linear__masks_nan_infinities_and_negative_distances(dtype: type) -> None:
    raw: NDArray[Any] = np.array([[np.nan, np.inf, -np.inf, -1.0, 0.0, 2.5]], dtype)
    values, valid = decode_linear(raw, scale=1.0)
    assert valid.tolist() == [[False, False, False, False, False, True]]
    assert values.dtype == np.float32
    assert values[0, 5] == 2.5


def test_decode_linear__calls_zero_metres_invalid_whatever_the_codes() -> None:
    assert decode_linear(np.array([[0, 5]], np.uint16), scale=0.001, invalid_values=())[1].tolist() == [[False, True]]


def test_decode_linear__keeps_negative_affine_values() -> None:
    raw = np.array([[-1.0, 0.0, 2.0, np.nan]], np.float32)
    _, valid = decode_linear(raw, scale=1.0, invalid_values=(), kind=DepthKind.AFFINE_DISPARITY)
    assert valid.tolist() == [[True, True, True, False]]


def test_decode_linear__leaves_its_input_alone_and_returns_memory_of_its_own() -> None:
    raw = np.array([[1.0, 2.0]], np.float32)
    values, _ = decode_linear(raw, scale=1.0)
    values[0, 0] = 9.0
    assert raw[0, 0] == 1.0


def test_decode_linear__applies_scale_then_offset() -> None:
    values, _ = decode_linear(np.array([[3]], np.uint8), scale=2.0, offset=0.5)
    assert values[0, 0] == 6.5
