# SPDX-License-Identifier: Apache-2.0
"""AbsRel of each label by hand; what has no label is not read; means weighed by pixels are those of all pixels."""

import math

import pytest
import torch

from leadline.evaluation.error_by_label import abs_rel_by_label, distance_bin

PREDICTED = torch.tensor([[2.0, 3.0, 10.0], [5.0, 8.0, 1.0]])
TARGET = torch.tensor([[1.0, 4.0, 10.0], [4.0, 10.0, 2.0]])
LABEL = torch.tensor([[0, 0, 2], [2, 2, 2]])


def test_abs_rel_by_label__is_the_mean_of_each_label_by_hand() -> None:
    errors, pixels = abs_rel_by_label(predicted_m=PREDICTED, target_m=TARGET, label=LABEL, labels=4)
    assert errors[[0, 2]].tolist() == pytest.approx([(1 + 0.25) / 2, (0 + 0.25 + 0.2 + 0.5) / 4])
    assert errors[[1, 3]].isnan().all()
    assert pixels.tolist() == [2, 0, 4, 0]
    assert errors.dtype == torch.float64


def test_abs_rel_by_label__weighed_by_pixels_is_that_of_all_pixels() -> None:
    errors, pixels = abs_rel_by_label(predicted_m=PREDICTED, target_m=TARGET, label=LABEL, labels=3)
    pooled = (errors.nan_to_num() * pixels).sum() / pixels.sum()
    assert pooled.item() == pytest.approx(((PREDICTED - TARGET).abs() / TARGET).mean().item())


def test_abs_rel_by_label__reads_nothing_without_a_label() -> None:
    poisoned = torch.where(LABEL == 0, math.nan, TARGET)
    hidden = torch.where(LABEL == 0, -1, LABEL)
    clean = abs_rel_by_label(predicted_m=PREDICTED, target_m=TARGET, label=hidden, labels=3)
    dirty = abs_rel_by_label(predicted_m=PREDICTED, target_m=poisoned, label=hidden, labels=3)
    assert dirty[1].tolist() == clean[1].tolist() == [0, 0, 4]
    assert dirty[0][2] == clean[0][2]


def test_abs_rel_by_label__of_a_perfect_prediction_is_zero() -> None:
    errors, _ = abs_rel_by_label(predicted_m=TARGET, target_m=TARGET, label=LABEL, labels=3)
    assert errors[[0, 2]].tolist() == [0.0, 0.0]


def test_abs_rel_by_label__without_any_label_is_nan_everywhere() -> None:
    errors, pixels = abs_rel_by_label(predicted_m=PREDICTED, target_m=TARGET, label=LABEL * 0 - 1, labels=2)
    assert errors.isnan().all()
    assert pixels.tolist() == [0, 0]


def test_distance_bin__upper_ends_belong_to_their_interval() -> None:
    depth_m = torch.tensor([0.0, 1e-3, 5.0, 5.0001, 10.0, 99.9985, 100.0, 100.1, torch.nan, torch.inf, -1.0])
    found = distance_bin(depth_m, (0.0, 5.0, 10.0, 100.0))
    assert found.tolist() == [-1, 0, 0, 1, 1, 2, 2, -1, -1, -1, -1]
