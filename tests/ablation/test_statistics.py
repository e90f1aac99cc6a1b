# SPDX-License-Identifier: Apache-2.0
import pytest

from leadline.ablation.cells import Cell
from leadline.ablation.statistics import MEAN, lines
from leadline.ablation.variant import Variant
from leadline.contracts.errors import DataError

PLAIN = Variant(group="parts", name="plain", recipe="semi-supervised")
OTHER = Variant(group="parts", name="other", recipe="semi-supervised")


def cell(seed: int, values: dict[str, list[float]], variant: Variant = PLAIN) -> Cell:
    scores = {
        name: {metric: {str(index): value for index, value in enumerate(of)} for metric in ("abs_rel", "delta1")}
        for name, of in values.items()
    }
    return Cell(variant=variant, seed=seed, scores=scores, seconds=1.0)


def test_lines__of_one_seed_and_two_pictures_reach_from_one_to_the_other() -> None:
    # drawn again, both pictures are the first in a quarter of all cases and the second in another
    first, _ = lines([cell(0, {"nyu": [0.0, 1.0]})])
    assert (first.mean, first.low, first.high) == (0.5, 0.0, 1.0)
    assert (first.seeds, first.pictures) == (1, 2)
    assert (first.group, first.variant, first.dataset, first.metric) == ("parts", "plain", "nyu", "abs_rel")


def test_lines__numbers_that_are_all_alike_have_no_width() -> None:
    first, _ = lines([cell(seed, {"nyu": [0.25] * 5}) for seed in range(3)])
    assert (first.mean, first.low, first.high) == (0.25, 0.25, 0.25)


def test_lines__seeds_that_differ_widen_the_interval_where_pictures_do_not() -> None:
    # 2 seeds with means 0 and 1: each alone in a quarter of the draws
    first, _ = lines([cell(0, {"nyu": [0.0] * 4}), cell(1, {"nyu": [1.0] * 4})])
    assert (first.mean, first.low, first.high) == (0.5, 0.0, 1.0)


def test_lines__pictures_that_not_every_seed_has_are_left_out() -> None:
    few = cell(1, {"nyu": [3.0]})
    first, _ = lines([cell(0, {"nyu": [1.0, 100.0]}), few])
    assert first.pictures == 1
    assert first.mean == 2.0
    none = Cell(variant=PLAIN, seed=2, scores={"nyu": {"abs_rel": {"x": 1.0}, "delta1": {"x": 1.0}}}, seconds=1.0)
    with pytest.raises(DataError, match="the same pictures of nyu"):
        lines([few, none])


def test_lines__of_several_datasets_have_their_mean_each_dataset_weighing_the_same() -> None:
    found = lines([cell(0, {"nyu": [0.0, 0.0, 0.0], "kitti": [1.0]})])
    mean = next(one for one in found if one.dataset == MEAN and one.metric == "abs_rel")
    assert (mean.mean, mean.low, mean.high, mean.pictures) == (0.5, 0.5, 0.5, 4)
    assert not [one for one in lines([cell(0, {"nyu": [1.0]})]) if one.dataset == MEAN]


def test_lines__variants_keep_the_order_of_the_cells_and_are_drawn_with_the_same_pictures() -> None:
    values = {"nyu": [0.1, 0.7, 0.3, 0.9]}
    found = lines([cell(0, values, OTHER), cell(0, values)])
    assert [one.variant for one in found if not one.minus] == ["other", "other", "plain", "plain"]
    assert (found[0].low, found[0].high) == (found[2].low, found[2].high)


def test_lines__differences_from_a_groups_first_are_of_the_same_pictures_and_seeds() -> None:
    plain = [cell(0, {"nyu": [0.1, 0.9, 0.4]}), cell(1, {"nyu": [0.2, 0.5, 0.8]})]
    other = [cell(0, {"nyu": [0.2, 1.0, 0.5, 7.0]}, OTHER), cell(1, {"nyu": [0.3, 0.6, 0.9, 7.0]}, OTHER)]
    other += [cell(2, {"nyu": [9.0] * 3}, OTHER)]  # a seed that the first does not have
    found = lines([*plain, *other])
    differences = [one for one in found if one.minus]
    assert [(one.variant, one.minus, one.metric) for one in differences] == [
        ("other", "plain", "abs_rel"),
        ("other", "plain", "delta1"),
    ]
    first = differences[0]
    assert (first.seeds, first.pictures) == (2, 3)
    assert (first.mean, first.low, first.high) == pytest.approx((0.1, 0.1, 0.1))  # although the pictures differ by far more
    assert found.index(first) == 4


def test_lines__differences_have_the_sign_of_better_or_worse_and_stay_inside_their_group() -> None:
    alone = Variant(group="margin", name="margin", recipe="semi-supervised")
    found = lines([cell(0, {"nyu": [1.0]}), cell(0, {"nyu": [0.25]}, OTHER), cell(0, {"nyu": [3.0]}, alone)])
    assert [(one.group, one.mean) for one in found if one.minus] == [("parts", -0.75)] * 2
    assert not [one for one in lines([cell(0, {"nyu": [1.0]}), cell(1, {"nyu": [2.0]}, OTHER)]) if one.minus]
