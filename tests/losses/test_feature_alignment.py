# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.feature_alignment import feature_alignment
from tests.losses.every_loss import TwoRanks


def with_cosines(*cosines: float) -> tuple[Tensor, Tensor]:
    """Student and frozen features, (1,N,2) float64, with these cosines."""
    student = torch.tensor([[[3 * cos, 3 * math.sqrt(1 - cos**2)] for cos in cosines]], dtype=torch.float64)
    frozen = torch.tensor([[[2.0, 0.0]]], dtype=torch.float64).expand_as(student)
    return student.requires_grad_(), frozen


@pytest.mark.parametrize(
    ("margin", "mean_over", "expected"), [(0.85, "kept", 0.6), (0.85, "all", 0.3), (1.0, "kept", 0.325), (1.0, "all", 0.325)]
)
def test_feature_alignment__agrees_with_the_ledger_s_hand_values(margin: float, mean_over: str, expected: float) -> None:
    student, frozen = with_cosines(1, 0.9, 0.8, 0)
    value = feature_alignment(student=student, frozen=frozen, margin=margin, mean_over=mean_over)  # type: ignore[arg-type]
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize("mean_over", ["kept", "all"])
def test_feature_alignment__of_equal_features_is_exactly_zero_with_zero_gradient(mean_over: str) -> None:
    frozen = torch.randn(2, 50, 384, generator=torch.Generator().manual_seed(0))
    student = frozen.clone().requires_grad_()
    value = feature_alignment(student=student, frozen=frozen, mean_over=mean_over)  # type: ignore[arg-type]
    (found,) = torch.autograd.grad(value, student)
    assert value.item() == 0
    assert (found == 0).all()


def test_feature_alignment__a_margin_of_one_keeps_tokens_whose_cosine_rounds_above_it() -> None:
    features = torch.randn(1, 500, 7, generator=torch.Generator().manual_seed(0))
    turned = torch.cat([features[:, :250], -features[:, 250:]], dim=1)
    assert feature_alignment(student=turned, frozen=features, margin=1.0).item() == pytest.approx(1.0, abs=1e-6)


def test_feature_alignment__pulls_only_at_tokens_beyond_the_margin() -> None:
    student, frozen = with_cosines(1, 0.9, 0.8, 0)
    (found,) = torch.autograd.grad(feature_alignment(student=student, frozen=frozen), student)
    assert (found.abs().sum(dim=-1) > 0).flatten().tolist() == [False, False, True, True]


def test_feature_alignment__gives_no_gradient_to_the_frozen_side() -> None:
    student, frozen = with_cosines(0.5, 0)
    frozen = frozen.clone().requires_grad_()
    feature_alignment(student=student, frozen=frozen).backward()  # type: ignore[no-untyped-call]
    assert frozen.grad is None
    assert student.grad is not None


def test_feature_alignment__factors_change_nothing() -> None:
    student, frozen = with_cosines(0.5, 0, 0.9)
    value = feature_alignment(student=student, frozen=frozen)
    torch.testing.assert_close(feature_alignment(student=7 * student, frozen=0.1 * frozen), value)


def test_feature_alignment__of_dead_features_is_finite() -> None:
    student = torch.zeros(1, 4, 8, requires_grad=True)
    value = feature_alignment(student=student, frozen=torch.ones(1, 4, 8))
    (found,) = torch.autograd.grad(value, student)
    assert value.item() == 1
    assert found.isfinite().all()


def test_feature_alignment__has_the_right_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    student, frozen = (torch.randn(2, 5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    assert torch.autograd.gradcheck(lambda one: feature_alignment(student=one, frozen=frozen), student.requires_grad_())


def test_feature_alignment__is_float32_whatever_the_networks_precision() -> None:
    student, frozen = (one.detach().bfloat16() for one in with_cosines(0.5, 0))
    assert feature_alignment(student=student, frozen=frozen).dtype == torch.float32


@pytest.mark.parametrize("mean_over", ["kept", "all"])
def test_feature_alignment__of_two_ranks_equals_that_of_one_process(mean_over: str) -> None:
    generator = torch.Generator().manual_seed(0)
    student, frozen = (torch.randn(4, 5, 3, generator=generator) for _ in range(2))
    frozen[0] = student[0]  # ranks that keep different numbers of tokens

    def loss(student: Tensor, frozen: Tensor, _: Tensor, sum_across: object = None) -> Tensor:
        return feature_alignment(student=student, frozen=frozen, mean_over=mean_over, sum_across=sum_across)  # type: ignore[arg-type]

    ranks = TwoRanks().losses(loss, [(student[:2], frozen[:2], frozen), (student[2:], frozen[2:], frozen)])  # type: ignore[arg-type]
    alone = feature_alignment(student=student, frozen=frozen, mean_over=mean_over)  # type: ignore[arg-type]
    torch.testing.assert_close(torch.stack(ranks), alone.expand(2))


def test_feature_alignment__other_shapes_and_words_are_refused() -> None:
    with pytest.raises(
        ContractError, match=r"got student \(1, 4, 8\) beside frozen \(1, 4, 6\); give both the same picture"
    ):
        feature_alignment(student=torch.ones(1, 4, 8), frozen=torch.ones(1, 4, 6))
    with pytest.raises(ContractError, match="expected mean_over as one of kept, all; got 'sum'"):
        feature_alignment(student=torch.ones(1, 4, 8), frozen=torch.ones(1, 4, 8), mean_over="sum")  # type: ignore[arg-type]
