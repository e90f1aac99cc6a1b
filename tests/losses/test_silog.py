# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.silog import dav2_silog, eigen_scale_invariant, log_difference, silog, zoe_silog
from tests.losses.every_loss import Stored, example

TARGET = torch.tensor([[[1.0, 2.0], [4.0, 8.0]]])
GUESS = torch.tensor([[[1.1, 1.8], [4.4, 10.4]]])
EVERYWHERE = TARGET > 0


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored()


def test_zoe_silog__agrees_with_the_hand_value_of_the_unbiased_variance() -> None:
    assert zoe_silog(predicted_m=GUESS, target_m=TARGET, valid=EVERYWHERE).item() == pytest.approx(1.5415573, rel=1e-6)


def test_dav2_silog__agrees_with_the_hand_value() -> None:
    assert dav2_silog(predicted_m=GUESS, target_m=TARGET, valid=EVERYWHERE).item() == pytest.approx(0.14404738, rel=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1.25, 3.0])
def test_silogs__of_a_scaled_truth_know_only_the_logarithm_of_the_factor(factor: float) -> None:
    guess = factor * TARGET
    zoe = zoe_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE).item()
    dav2 = dav2_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE).item()
    assert zoe == pytest.approx(10 * math.sqrt(0.15) * abs(math.log(factor)), rel=1e-5)
    assert dav2 == pytest.approx(math.sqrt(0.5) * abs(math.log(factor)), rel=1e-5)


def test_silogs__without_weight_on_the_mean_ignore_the_scale_altogether() -> None:
    zoe, scaled_zoe = (
        zoe_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE, beta=0.0).item() for guess in (GUESS, 3 * GUESS)
    )
    dav2, scaled_dav2 = (
        dav2_silog(predicted_m=guess, target_m=TARGET, valid=EVERYWHERE, variance_weight=1.0).item()
        for guess in (GUESS, 3 * GUESS)
    )
    assert scaled_zoe == pytest.approx(zoe, rel=1e-5)
    assert scaled_dav2 == pytest.approx(dav2, rel=1e-5)


def test_zoe_silog__of_one_pixel_has_no_variance() -> None:
    guess, truth = torch.tensor([[[2.0]]]), torch.tensor([[[1.0]]])
    value = zoe_silog(predicted_m=guess, target_m=truth, valid=truth > 0).item()
    assert value == pytest.approx(10 * math.sqrt(0.15) * math.log(2), rel=1e-6)


def test_silogs__pool_the_pixels_of_the_whole_batch() -> None:
    predicted, target, valid = example()
    for loss in (zoe_silog, dav2_silog):
        whole = loss(predicted_m=predicted, target_m=target, valid=valid)
        flat: list[Tensor] = [one.reshape(1, 1, -1) for one in (predicted, target, valid)]
        torch.testing.assert_close(loss(predicted_m=flat[0], target_m=flat[1], valid=flat[2]), whole)


@pytest.mark.parametrize(("key", "prediction"), [("masked", "pred"), ("nomask", "pred"), ("low", "pred_low")])
def test_zoe_silog__agrees_with_the_released_one(key: str, prediction: str, stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair(prediction)
    valid = torch.ones_like(valid) if key == "nomask" else valid
    stored.check(f"zoe_silog.{key}", zoe_silog(predicted_m=predicted, target_m=target, valid=valid), leaf)


@pytest.mark.parametrize("weight", [0.5, 0.85])
def test_dav2_silog__agrees_with_the_released_one(weight: float, stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair("pred")
    loss = dav2_silog(predicted_m=predicted, target_m=target, valid=valid, variance_weight=weight)
    stored.check(f"dav2_silog_{weight}", loss, leaf)


def test_zoe_silog__is_ten_times_that_of_dinov2_with_its_larger_offset(stored: Stored) -> None:
    leaf, predicted, target, valid = stored.pair("pred")
    loss = zoe_silog(predicted_m=predicted + 1e-3, target_m=target + 1e-3, valid=valid) / 10
    stored.check("dinov2_sigloss", loss, leaf)


@pytest.mark.parametrize(
    ("guess", "weight", "expected"),
    [(2 * TARGET, 0.5, 0.490129), (2 * TARGET, 1.0, 0.0), (TARGET + 1, 0.5, 0.335219), (TARGET + 1, 1.0, 0.218204)],
)
def test_silog__agrees_with_the_ledger_s_hand_values(guess: Tensor, weight: float, expected: float) -> None:
    value = silog(predicted=guess, target=TARGET, valid=EVERYWHERE, variance_weight=weight)
    assert value.item() == pytest.approx(expected, abs=1e-6)


def test_silog__is_the_mean_of_the_images_own_and_not_that_of_their_pixels() -> None:
    predicted, target, valid = example()
    valid[0, 1:] = False
    valid[0, 0] = True
    each = [
        silog(predicted=predicted[i : i + 1], target=target[i : i + 1], valid=valid[i : i + 1], variance_weight=1.0)
        for i in range(2)
    ]
    predicted[1] *= 5  # each image has a scale of its own
    whole = silog(predicted=predicted, target=target, valid=valid, variance_weight=1.0)
    torch.testing.assert_close(whole, (each[0] + each[1]) / 2)


def test_silog__of_one_image_is_that_of_depth_anything_v2() -> None:
    predicted, target, valid = (one[:1] for one in example())
    expected = dav2_silog(predicted_m=predicted, target_m=target, valid=valid, variance_weight=0.85)
    found = silog(predicted=predicted, target=target, valid=valid, variance_weight=0.85)
    torch.testing.assert_close(found, expected)


def test_silog__lifts_dead_predictions_and_drops_targets_without_a_logarithm() -> None:
    guess = torch.tensor([[[0.0, 2.0, 7.0]]], requires_grad=True)
    truth = torch.tensor([[[1.0, 2.0, 0.0]]])
    value = silog(predicted=guess, target=truth, valid=torch.ones_like(truth) > 0, variance_weight=0.0)
    assert value.item() == pytest.approx(math.log(1e6) / math.sqrt(2), rel=1e-6)
    (found,) = torch.autograd.grad(value, guess)
    assert found.isfinite().all()
    assert found[0, 0].tolist()[::2] == [0, 0]


def test_log_difference__lifts_both_sides() -> None:
    found = log_difference(predicted=torch.tensor([1.0, -5.0]), target=torch.tensor([0.0, 1e-6]))
    torch.testing.assert_close(found, torch.tensor([math.log(1e6), 0.0]))


EIGEN_GUESS, EIGEN_TRUTH = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]]), torch.full((1, 1, 4), 2.0)


@pytest.mark.parametrize(("weight", "value"), [(0.0, 0.720680), (0.5, 0.660623), (0.85, 0.618583), (1.0, 0.600566)])
def test_eigen_scale_invariant__agrees_with_the_hand_values(weight: float, value: float) -> None:
    cost = eigen_scale_invariant(predicted=EIGEN_GUESS, target=EIGEN_TRUTH, valid=EIGEN_TRUTH > 0, variance_weight=weight)
    assert cost.item() == pytest.approx(value, abs=1e-6)
    root = silog(predicted=EIGEN_GUESS, target=EIGEN_TRUTH, valid=EIGEN_TRUTH > 0, variance_weight=weight)
    assert root.item() ** 2 == pytest.approx(value, abs=1e-6)


def test_eigen_scale_invariant__ignores_the_scale_of_each_picture_at_weight_1_only() -> None:
    everywhere = EIGEN_TRUTH > 0

    def cost(factor: float, weight: float) -> float:
        return eigen_scale_invariant(
            predicted=factor * EIGEN_GUESS, target=EIGEN_TRUTH, valid=everywhere, variance_weight=weight
        ).item()

    assert cost(3.0, 1.0) == pytest.approx(cost(1.0, 1.0), abs=1e-6)
    mean = 0.5 * math.log(2)
    expected = 0.5 * (math.log(3) ** 2 + 2 * mean * math.log(3))
    assert cost(3.0, 0.5) - cost(1.0, 0.5) == pytest.approx(expected, abs=1e-5)


def test_eigen_scale_invariant__does_not_let_opposite_errors_of_two_pictures_cancel() -> None:
    truth = torch.full((2, 3, 4), 5.0)
    guess = torch.stack([truth[0] * 2, truth[1] / 2])
    cost = eigen_scale_invariant(predicted=guess, target=truth, valid=truth > 0).item()
    assert cost == pytest.approx(0.240227, abs=1e-6)  # pooled over the batch it would be 0.480453


def test_silog__leaves_out_the_pixels_farthest_off_of_each_image_by_rank() -> None:
    g = torch.tensor([[0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.9, -4.0]], dtype=torch.float64)
    truth = torch.full((2, 1, 10), 2.0, dtype=torch.float64)
    guess = torch.stack([truth[0] * g.exp(), truth[1] * 1.5])
    kept = g[0, :9]
    first = (kept.square().mean() - 0.5 * kept.mean().square()).sqrt()
    second = torch.tensor(1.5, dtype=torch.float64).log() * 0.5**0.5  # all alike: a tenth of each is left out
    found = silog(predicted=guess, target=truth, valid=truth > 0, ignore_largest=0.1)
    torch.testing.assert_close(found, (first + second) / 2)


def test_silog__what_is_left_out_has_no_gradient() -> None:
    truth = torch.full((1, 1, 10), 2.0)
    guess = (truth * torch.linspace(1.1, 2.0, 10)).requires_grad_()
    value = silog(predicted=guess, target=truth, valid=truth > 0, ignore_largest=0.1)
    value.backward()  # type: ignore[no-untyped-call]
    assert guess.grad is not None
    assert (guess.grad[0, 0, :9] != 0).all()
    assert guess.grad[0, 0, 9] == 0


def test_silog__refuses_to_leave_out_all() -> None:
    one = torch.ones(1, 1, 1)
    with pytest.raises(ContractError, match="ignore_largest in"):
        silog(predicted=one, target=one, valid=one > 0, ignore_largest=1.0)
