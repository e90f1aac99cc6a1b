# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.losses.affine_invariant import affine_invariant
from leadline.losses.regional import regional
from tests.losses.every_loss import example, left_part


def test_regional__two_labels_of_unrelated_scale_cost_nothing_where_one_normalisation_does() -> None:
    _, labels, _ = example(dtype=torch.float64)
    valid = torch.ones(1, 6, 7, dtype=torch.bool)
    inside = left_part(valid)
    target = torch.where(inside, labels[:1], 100 + 30 * labels[1:])
    predicted = torch.where(inside, 3 * labels[:1] + 20, 0.2 * labels[1:] - 1)
    assert regional(predicted=predicted, target=target, valid=valid, inside=inside).item() < 1e-12
    assert affine_invariant(predicted=predicted, target=target, valid=valid).item() > 0.1


def test_regional__each_region_weighs_its_area() -> None:
    predicted, target, valid = (one[:1, :4, :4] for one in example(dtype=torch.float64))
    inside = torch.zeros(1, 4, 4, dtype=torch.bool)
    inside[:, :2, :2] = True
    valid[:, 0] = True
    parts = [
        float(affine_invariant(predicted=predicted, target=target, valid=valid & region)) for region in (inside, ~inside)
    ]
    assert parts[0] != pytest.approx(parts[1])
    found = regional(predicted=predicted, target=target, valid=valid, inside=inside)
    assert float(found) == pytest.approx(0.25 * parts[0] + 0.75 * parts[1])


def test_regional__agrees_with_the_hand_value() -> None:
    target = torch.tensor([[[1.0, 2, 4, 8, 5, 5, 5, 9]]])
    predicted = torch.tensor([[[1.0, 3, 4, 6, 5, 5, 5, 9]]])
    inside = torch.tensor([[[True] * 4 + [False] * 4]])
    # the ledger's 0.444444 inside, perfect outside
    value = regional(predicted=predicted, target=target, valid=target > 0, inside=inside)
    assert value.item() == pytest.approx(0.222222, abs=1e-6)


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("ignore", [0.0, 0.2])
def test_regional__a_full_or_empty_mask_gives_the_plain_loss(everything: bool, ignore: float) -> None:
    predicted, target, valid = example()
    inside = torch.full_like(valid, everything)
    found = regional(predicted=predicted, target=target, valid=valid, inside=inside, ignore_largest=ignore)
    plain = affine_invariant(predicted=predicted, target=target, valid=valid, ignore_largest=ignore)
    torch.testing.assert_close(found, plain)


def test_regional__a_positive_factor_and_a_shift_of_one_region_change_nothing() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    inside = left_part(valid)
    value = regional(predicted=predicted, target=target, valid=valid, inside=inside)
    moved = torch.where(inside, 4 * target - 1, target)
    torch.testing.assert_close(regional(predicted=predicted, target=moved, valid=valid, inside=inside), value)


def test_regional__a_region_without_a_valid_pixel_leaves_its_weight_to_the_other() -> None:
    predicted, target, valid = example()
    inside = left_part(valid)
    valid &= inside
    found = regional(predicted=predicted, target=target, valid=valid, inside=inside)
    torch.testing.assert_close(found, affine_invariant(predicted=predicted, target=target, valid=valid))


def test_regional__what_is_left_out_is_chosen_within_each_region() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    inside = left_part(valid)
    parts = [
        affine_invariant(predicted=predicted[:1], target=target[:1], valid=(valid & region)[:1], ignore_largest=0.3)
        for region in (inside, ~inside)
    ]
    area = inside[0].double().mean()
    found = regional(predicted=predicted[:1], target=target[:1], valid=valid[:1], inside=inside[:1], ignore_largest=0.3)
    torch.testing.assert_close(found, area * parts[0] + (1 - area) * parts[1])


def test_regional__a_mask_of_another_shape_or_type_is_refused() -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match=r"expected inside as a boolean mask of shape \(2, 6, 7\); got torch.float32"):
        regional(predicted=predicted, target=target, valid=valid, inside=valid.float())
    with pytest.raises(ContractError, match=r"got torch.bool of shape \(1, 6, 7\); pass the mask that mixed"):
        regional(predicted=predicted, target=target, valid=valid, inside=valid[:1])
