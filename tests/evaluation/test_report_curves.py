# SPDX-License-Identifier: Apache-2.0
"""Which curves are shown, and that absent ones leave no empty chart."""

import re

from leadline.evaluation.report_curves import charts

ONE = [(0.0, 1.0), (10.0, 0.5)]


def titles(curves: dict[str, list[tuple[float, float]]]) -> list[str]:
    return [re.findall(r'class="chart-title"[^>]*>([^<]*)', chart)[0] for chart in charts(curves)]


def test_curves__are_in_reading_order() -> None:
    tags = ["Val/D1", "Train/BatchLoss", "Train/EpochLoss", "Train/EpochSILog", "Val/Loss", "Train/LearningRate", "Val/RMSE"]
    expected = ["Loss", "Loss terms on the training data", "Validation D1", "Validation RMSE", "Learning rate"]
    assert titles({tag: ONE for tag in tags}) == expected


def test_curves__datasets_are_told_apart_where_there_are_several() -> None:
    (alone,) = charts({"Val/D1": ONE, "Val/nyu/D1": ONE})
    (several,) = charts({"Val/D1": ONE, "Val/nyu/D1": ONE, "Val/sunrgbd/D1": ONE})
    assert ">nyu<" not in alone
    assert ">nyu<" in several
    assert ">sunrgbd<" in several


def test_curves__learning_rates_are_per_group_where_they_were_logged() -> None:
    (chart,) = charts({"Train/LearningRate": ONE, "Train/LearningRate/encoder": ONE, "Train/LearningRate/head": ONE})
    assert ">encoder<" in chart
    assert ">head<" in chart


def test_curves__of_nothing_are_none() -> None:
    assert charts({}) == []
    assert charts({"Train/GradNorm": ONE}) == []


def test_curves__parts_without_a_whole_are_shown_all_the_same() -> None:
    (chart,) = charts({"Val/stereo/EPE": ONE})
    assert ">Validation EPE<" in chart
    assert ">stereo<" in chart
    assert ">all images<" not in chart
