# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.similarity import cca, cka, orthogonal_projection
from tests.losses.every_loss import TwoRanks

LOSSES = [cca, cka]
each_loss = pytest.mark.parametrize("loss", LOSSES)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_cca__of_an_invertible_linear_map_and_shift_is_zero() -> None:
    tokens = noise(1000, 16)
    mapped = tokens @ noise(16, 16, seed=1) + 5
    assert cca(first=tokens, second=mapped, ridge=1e-12).item() == pytest.approx(0, abs=1e-6)
    assert cka(first=tokens, second=mapped).item() > 0.05


def test_cca__of_noise_says_how_few_the_tokens_are() -> None:
    first, second = noise(8214, 64, dtype=torch.float32), noise(8214, 64, seed=1, dtype=torch.float32)
    assert 1 - cca(first=first, second=second).item() == pytest.approx(0.074, abs=0.004)


def test_cca__agrees_with_the_hand_value_of_one_feature() -> None:
    first = torch.tensor([[0.0], [1.0], [2.0], [3.0]] * 5, dtype=torch.float64)
    second = torch.tensor([[0.0], [2.0], [1.0], [3.0]] * 5, dtype=torch.float64)
    # the correlation is 4 / 5, and each variance grows by a quarter with the ridge
    assert cca(first=first, second=second, ridge=0.0).item() == pytest.approx(0.2)
    assert cca(first=first, second=second, ridge=0.25).item() == pytest.approx(1 - 0.8 / 1.25)


def test_cca__means_over_the_smaller_number_of_features() -> None:
    tokens = noise(500, 4)
    assert cca(first=tokens, second=tokens[:, :1], ridge=1e-12).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("tokens", "features"), [(1024, 768), (1369, 768), (1369, 384)])
def test_cca__of_all_features_of_a_picture_is_refused(tokens: int, features: int) -> None:
    first = noise(tokens, features, dtype=torch.float32)
    with pytest.raises(
        ContractError, match=f"expected at most 64 features, .*; got {features} and {features}; project both"
    ):
        cca(first=first, second=first)


def test_cca__of_too_few_tokens_is_refused() -> None:
    with pytest.raises(
        ContractError, match=r"expected at least 10 tokens per feature, 80 in all; got 79 tokens, .*pool more"
    ):
        cca(first=noise(79, 8), second=noise(79, 2))
    assert cca(first=noise(80, 8), second=noise(80, 2)).isfinite()


def test_cca__repeated_and_missing_correlations_have_finite_gradients() -> None:
    tokens = noise(500, 8)
    for second in (tokens, tokens.clone().fill_(3.0), torch.cat([tokens[:, :4], tokens[:, :4]], dim=1)):
        first = tokens.clone().requires_grad_()
        value = cca(first=first, second=second)
        (found,) = torch.autograd.grad(value, first)
        assert value.isfinite()
        assert found.isfinite().all()


def test_cka__of_a_rotation_scale_and_shift_is_zero() -> None:
    tokens = noise(300, 16)
    turned = -3 * tokens @ orthogonal_projection(16, generator=torch.Generator().manual_seed(1)).double() + 2
    assert cka(first=tokens, second=turned).item() == pytest.approx(0, abs=1e-6)


def test_cka__of_independent_features_is_nearly_one() -> None:
    assert cka(first=noise(8214, 64), second=noise(8214, 64, seed=1)).item() == pytest.approx(1, abs=0.01)


def test_cka__agrees_with_the_hand_value() -> None:
    first = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    second = torch.tensor([[1.0], [-1], [0], [0]])
    # X'X = diag(2, 2), Y'Y = (2), X'Y = (2, 0)': 4 / (sqrt(8) 2)
    assert cka(first=first, second=second).item() == pytest.approx(1 - 1 / 2**0.5)


@each_loss
def test_similarity__of_features_that_do_not_vary_is_one_with_finite_gradient(loss: Callable[..., Tensor]) -> None:
    first = torch.ones(100, 4, requires_grad=True)
    value = loss(first=first, second=noise(100, 4, dtype=torch.float32))
    (found,) = torch.autograd.grad(value, first)
    assert value.item() == pytest.approx(1)
    assert found.isfinite().all()


@each_loss
@pytest.mark.parametrize("factor", [1e-6, 1e4])
def test_similarity__factors_and_shifts_change_nothing(loss: Callable[..., Tensor], factor: float) -> None:
    first, second = noise(200, 6), noise(200, 6, seed=1) + noise(200, 6)
    value = loss(first=first, second=second)
    assert 0.05 < value.item() < 0.95
    torch.testing.assert_close(loss(first=factor * first + 3 * factor, second=second), value)


@each_loss
def test_similarity__pools_the_tokens_of_all_pictures(loss: Callable[..., Tensor]) -> None:
    first, second = noise(200, 6), noise(200, 6, seed=1)
    value = loss(first=first.view(4, 5, 10, 6), second=second.view(4, 5, 10, 6))
    torch.testing.assert_close(value, loss(first=first, second=second))


@each_loss
def test_similarity__has_the_right_gradient(loss: Callable[..., Tensor]) -> None:
    first, second = noise(40, 3).requires_grad_(), noise(40, 4, seed=1)
    assert torch.autograd.gradcheck(lambda one: loss(first=one, second=second), first)


@each_loss
def test_similarity__is_float32_under_autocast(loss: Callable[..., Tensor]) -> None:
    first, second = noise(400, 6, dtype=torch.float32), noise(400, 6, seed=1, dtype=torch.float32)
    expected = loss(first=first, second=second)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(first=first, second=second), expected)
        assert loss(first=first.bfloat16(), second=second).dtype == torch.float32
    assert loss(first=first.double(), second=second).dtype == torch.float64


@each_loss
def test_similarity__of_two_ranks_equals_that_of_one_process_with_its_gradient(loss: Callable[..., Tensor]) -> None:
    first, second = noise(60, 6).requires_grad_(), noise(60, 6, seed=1)

    def on_rank(first: Tensor, second: Tensor, _: Tensor, sum_across: object = None) -> Tensor:
        return loss(first=first, second=second, sum_across=sum_across)

    halves = [(first[part], second[part], second) for part in (slice(0, 35), slice(35, 60))]
    ranks = TwoRanks().losses(on_rank, halves)  # type: ignore[arg-type]
    alone = loss(first=first, second=second)
    torch.testing.assert_close(torch.stack(ranks), alone.expand(2))
    found = torch.autograd.grad((ranks[0] + ranks[1]) / 2, first)
    torch.testing.assert_close(found, torch.autograd.grad(alone, first))


@each_loss
def test_similarity__of_other_tokens_is_refused(loss: Callable[..., Tensor]) -> None:
    with pytest.raises(
        ContractError, match=r"same tokens on both sides; got \(100, 4\) beside \(90, 4\); give both networks"
    ):
        loss(first=noise(100, 4), second=noise(90, 4))
    with pytest.raises(ContractError, match="same tokens"):
        loss(first=noise(1, 4)[0], second=noise(1, 4)[0])


def test_orthogonal_projection__is_orthonormal_and_the_generator_s() -> None:
    found = orthogonal_projection(384, generator=torch.Generator().manual_seed(3))
    assert found.shape == (384, 64)
    torch.testing.assert_close(found.T @ found, torch.eye(64), atol=1e-6, rtol=0)
    assert torch.equal(found, orthogonal_projection(384, generator=torch.Generator().manual_seed(3)))
    assert orthogonal_projection(16, generator=torch.Generator()).shape == (16, 16)
