# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from leadline.contracts.errors import DataError
from leadline.rasters.label_codec import LabelType, decode_label, encode_label

MAPS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
)


def back(values: np.ndarray, valid: np.ndarray, dtype: LabelType) -> tuple[np.ndarray, np.ndarray, float]:
    stored = encode_label(values, valid, dtype)
    decoded, kept = decode_label(stored.data, dtype=dtype, scale=stored.scale, offset=stored.offset, name="a label")
    return decoded, kept, stored.scale


@settings(max_examples=300, deadline=None)
@given(MAPS, st.randoms(use_true_random=False))
def test_uint16__comes_back_within_half_a_step_and_invalid_stays_invalid(values: np.ndarray, random: object) -> None:
    valid = np.random.default_rng(random.randrange(2**32)).random(values.shape) < 0.8  # type: ignore[attr-defined]
    decoded, kept, scale = back(values, valid, "uint16")
    usable = valid & np.isfinite(values)
    assert np.array_equal(kept, usable)
    assert scale > 0
    away = np.abs(decoded[usable].astype(np.float64) - values[usable].astype(np.float64))
    rounding = np.spacing(np.abs(values[usable])).astype(np.float64) / 2
    assert (away <= scale / 2 * (1 + 1e-3) + rounding).all()


@settings(max_examples=300, deadline=None)
@given(MAPS)
def test_fp16__comes_back_within_a_part_in_2048_of_the_greatest(values: np.ndarray) -> None:
    decoded, kept, scale = back(values, np.ones(values.shape, np.bool_), "fp16")
    usable = np.isfinite(values)
    assert np.array_equal(kept, usable)
    away = np.abs(decoded[usable].astype(np.float64) - values[usable].astype(np.float64))
    floor = 2.0**-25 * scale + 2.0**-150  # half of float16's and float32's least numbers
    assert (away <= np.abs(values[usable].astype(np.float64)) * (2.0**-11 + 2.0**-23) + floor).all()


@pytest.mark.parametrize("value", [0.0, 1e-20, -3.25, 7e30])
def test_uint16__a_constant_map_comes_back_exactly(value: float) -> None:
    values = np.full((3, 4), value, np.float32)
    decoded, kept, _ = back(values, np.ones((3, 4), np.bool_), "uint16")
    assert kept.all()
    assert np.array_equal(decoded, values)


def test_uint16__keeps_sky_exactly_at_zero() -> None:
    values = np.random.default_rng(0).random((8, 9), np.float32) + np.float32(0.1)
    values[:4] = 0.0
    decoded, _, _ = back(values, np.ones(values.shape, np.bool_), "uint16")
    assert (decoded[:4] == 0.0).all()


def test_fp16__keeps_common_maps_unscaled_and_scales_those_it_cannot_hold() -> None:
    valid = np.ones((1, 2), np.bool_)
    assert encode_label(np.array([[0.5, 80.0]], np.float32), valid, "fp16").scale == 1.0
    assert encode_label(np.array([[1.0, 1e9]], np.float32), valid, "fp16").scale > 1.0


@pytest.mark.parametrize("dtype", get_args(LabelType))
def test_codec__nothing_valid_comes_back_as_nothing_valid(dtype: LabelType) -> None:
    values = np.full((2, 3), np.nan, np.float32)
    decoded, kept, _ = back(values, np.ones((2, 3), np.bool_), dtype)
    assert not kept.any()
    assert np.array_equal(decoded, np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("dtype", get_args(LabelType))
@pytest.mark.parametrize("cut", [0, 5, 60, 80])
def test_decode__refuses_broken_bytes_by_name(dtype: LabelType, cut: int) -> None:
    data = encode_label(np.eye(9, dtype=np.float32), np.ones((9, 9), np.bool_), dtype).data[:cut]
    with pytest.raises(DataError, match=r"shard-1\.tar"):
        decode_label(data, dtype=dtype, scale=1.0, offset=0.0, name="x in shard-1.tar")


def test_decode__refuses_another_type_than_declared() -> None:
    data = encode_label(np.eye(9, dtype=np.float32), np.ones((9, 9), np.bool_), "uint16").data
    with pytest.raises(DataError, match="fp16"):
        decode_label(data, dtype="fp16", scale=1.0, offset=0.0, name="x")
