# SPDX-License-Identifier: Apache-2.0
from typing import get_args

import pytest
import torch

from leadline.recipes.staged.feature_loss import FeatureLoss, compare_features


@pytest.mark.parametrize("kind", get_args(FeatureLoss))
def test_compare_features__is_0_for_the_same_tokens_and_more_for_noise_with_a_finite_gradient(kind: FeatureLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(4, 12, 8, 8, generator=generator)
    other = torch.randn(4, 12, 8, 8, generator=generator)
    assert float(compare_features(ours, ours.clone(), kind=kind, margin=0.85)) == pytest.approx(0, abs=2e-3)
    student = other.requires_grad_()
    loss = compare_features(student, ours, kind=kind, margin=0.85)
    assert float(loss.detach()) > 0.5
    (gradient,) = torch.autograd.grad(loss, student)
    assert gradient.isfinite().all()
    assert float(gradient.abs().sum()) > 0


def with_cosines(*cosines: float) -> tuple[torch.Tensor, torch.Tensor]:
    frozen = torch.tensor([1.0, 0.0])[None, :, None, None].expand(1, 2, 1, len(cosines))
    x = torch.tensor(cosines)
    return torch.stack([x, (1 - x**2).sqrt()])[None, :, None, :], frozen


def test_compare_features__the_margin_is_each_token_s_own() -> None:
    student, frozen = with_cosines(1.0, 0.9, 0.8, 0.0)
    assert float(compare_features(student, frozen, kind="cosine-margin", margin=0.85)) == pytest.approx(0.6, abs=1e-6)
    assert float(compare_features(student, frozen, kind="cosine", margin=0.85)) == pytest.approx(0.325, abs=1e-6)


def test_compare_features__canonical_correlations_of_few_wide_tokens_of_noise_are_not_taken_for_likeness() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(1, 384, 10, 16, generator=generator) for _ in range(2))  # 160 tokens of 384 channels
    assert float(compare_features(ours, theirs, kind="cca", margin=0.0)) > 0.5
