# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError, DataError
from leadline.export.certificate import Check
from leadline.export.export import TOLERANCES
from leadline.export.parity import MOST_OF_A_FOLDER, RANDOM_SIZES_PX, SCENES, difference, pictures_to_verify, random_picture
from tests.reference_photo import photo


def a_map(values: list[float], confidence: float | None = None) -> DepthMap:
    array = np.array([values], np.float32)
    certainty = None if confidence is None else np.full_like(array, confidence)
    return DepthMap(values=array, valid=np.isfinite(array), kind=DepthKind.METRIC, confidence=certainty)


def test_difference__is_a_share_of_the_range() -> None:
    check = difference("p", expected=a_map([1, 3, 5], 0.5), got=a_map([1, 3, 5.4], 0.75), runtime="onnx")
    assert check.max_difference == pytest.approx(0.1)
    assert check.mean_difference == pytest.approx(0.1 / 3)
    assert check.max_confidence_difference == 0.25
    assert check.size_px == (1, 3)


def test_difference__of_constant_maps_is_a_share_of_their_size() -> None:
    assert difference("p", expected=a_map([4, 4]), got=a_map([4, 4.4]), runtime="o").max_difference == pytest.approx(0.1)
    assert difference("p", expected=a_map([0, 0]), got=a_map([0, 0.5]), runtime="o").max_difference == 0.5


def test_difference__from_nothing_finite_is_no_number() -> None:
    assert math.isnan(difference("p", expected=a_map([1, 2]), got=a_map([1, math.nan]), runtime="o").max_difference)


def test_pictures_to_verify__are_random_ones_and_scenes_and_a_users_own(tmp_path: Path) -> None:
    for index in range(MOST_OF_A_FOLDER + 2):
        Image.fromarray(photo(30, 40, index)).save(tmp_path / f"{index:02}.png")
    pictures = list(pictures_to_verify(None, tmp_path))
    assert len(pictures) == len(RANDOM_SIZES_PX) + SCENES + MOST_OF_A_FOLDER
    assert {one.shape[:2] for _, one in pictures} >= set(RANDOM_SIZES_PX) | {(30, 40)}
    assert all(one.dtype == np.uint8 for _, one in pictures)
    assert pictures[-1][0] == "07.png"


def test_pictures_to_verify__of_one_size_have_it(tmp_path: Path) -> None:
    Image.fromarray(photo(30, 40, 1)).save(tmp_path / "a.png")
    Image.fromarray(photo(40, 30, 1)).save(tmp_path / "b.png")
    pictures = dict(pictures_to_verify((30, 40), tmp_path))
    assert {one.shape[:2] for one in pictures.values()} == {(30, 40)}
    assert "a.png" in pictures
    with pytest.raises(DataError):
        list(pictures_to_verify(None, tmp_path / "nowhere"))


def test_random_picture__is_the_same_for_the_same_seed() -> None:
    assert (random_picture(20, 30, seed=1) == random_picture(20, 30, seed=1)).all()
    assert (random_picture(20, 30, seed=1) != random_picture(20, 30, seed=2)).any()


def flat(wrong_by: float) -> Check:
    """Of a map at 2.5 whose range is 0.0025: ``wrong_by`` is a share of that range."""
    values = [2.5 + 0.0025 * share for share in np.linspace(0, 1, 1000)]
    return difference("p", expected=a_map(values), got=a_map([one + 0.0025 * wrong_by for one in values]), runtime="o")


def test_difference__of_a_flat_map_is_told_in_roundings_too() -> None:
    check = flat(1e-3)
    assert check.max_difference == pytest.approx(1e-3, rel=0.1)
    assert check.max_difference_ulps == pytest.approx(1e-6 / 2**-23, rel=0.1)


def test_difference__a_wrong_flat_map_does_not_pass_for_rounding() -> None:
    require = TOLERANCES["fp32"].require
    require([flat(1e-3)])  # 2.5 micrometres at 2.5 m, eight roundings
    for wrong_by in (3e-3, 1e-2, 1.0):
        with pytest.raises(ContractError, match="roundings of float32"):
            require([flat(wrong_by)])
