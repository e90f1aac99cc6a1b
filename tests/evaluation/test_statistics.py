# SPDX-License-Identifier: Apache-2.0
"""Means and intervals: weights, missing values, groups, and a bootstrap that covers, repeats and knows its seed."""

import math

import numpy as np
import pytest

from leadline.contracts.errors import ContractError
from leadline.evaluation.protocol import ImageScore
from leadline.evaluation.statistics import means


def scores(*values: float) -> list[ImageScore]:
    return [ImageScore(metrics={"m": value}) for value in values]


def test_means__are_over_images_and_skip_nan() -> None:
    found = means([*scores(1.0, 2.0, math.nan, 6.0), ImageScore(metrics={"other": 5.0})], resamples=50, seed=0)
    assert found.values == {"m": 3.0, "other": 5.0}


def test_means__weigh_what_is_weighted() -> None:
    pairs = [ImageScore(metrics={"a": 1.0, "b": 1.0}, weights={"a": 3.0}), ImageScore(metrics={"a": 0.0, "b": 0.0})]
    assert means(pairs, resamples=10, seed=0).values == {"a": 0.75, "b": 0.5}


def test_means__of_nothing_are_nan() -> None:
    found = means(scores(math.nan, math.nan), resamples=10, seed=0)
    assert math.isnan(found.values["m"])
    assert all(math.isnan(end) for end in found.intervals["m"])


def test_groups__have_their_own_means_and_a_macro_mean() -> None:
    rows = [("in", 1.0, 2.0), ("in", 0.0, 2.0), ("out", 1.0, 6.0)]
    found = means([ImageScore(metrics={"a": a}, weights={"a": w}, group=g) for g, a, w in rows], resamples=200, seed=0)
    assert found.values == {"a": 0.8, "a/in": 0.5, "a/out": 1.0, "a_macro": 0.75}
    assert found.intervals["a/out"] == (1.0, 1.0)
    assert found.intervals["a/in"] == (0.0, 1.0)


def test_bootstrap__is_deterministic_and_depends_on_the_seed() -> None:
    rows = scores(*np.random.default_rng(3).normal(size=40))
    first, again, other = (means(rows, resamples=300, seed=seed).intervals["m"] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_bootstrap__matches_the_normal_theory_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, size=400)
    low, high = means(scores(*values), resamples=2000, seed=0).intervals["m"]
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.05)
    assert high == pytest.approx(values.mean() + half, abs=0.05)


def test_bootstrap__of_one_image_has_no_width() -> None:
    assert means(scores(2.5), resamples=20, seed=0).intervals["m"] == (2.5, 2.5)


@pytest.mark.parametrize("nothing", [[], [ImageScore(metrics={})]])
def test_means__without_a_score_are_refused_with_a_remedy(nothing: list[ImageScore]) -> None:
    with pytest.raises(ContractError, match=r"at least one metric; got none in \d scores; score an image"):
        means(nothing, resamples=10, seed=0)
