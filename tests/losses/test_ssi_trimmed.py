# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.losses.affine_invariant import affine_invariant, standardised
from leadline.losses.ssi_trimmed import ssi_trimmed, trimmed_sums
from tests.losses.every_loss import example


def test_ssi_trimmed__agrees_with_the_hand_value() -> None:
    target, predicted = torch.tensor([[[-2.0, -1, 0, 1, 2]]]), torch.tensor([[[-1.0, -2, 0, 1, 2]]])
    everywhere = target < 9
    # both have median 0 and spread 1.2; |r| = (1, 1, 0, 0, 0) / 1.2, of which the four smallest stay, over 2 x 5
    assert ssi_trimmed(predicted=predicted, target=target, valid=everywhere).item() == pytest.approx(1 / 1.2 / 10)
    assert ssi_trimmed(predicted=predicted, target=target, valid=everywhere, trimmed=0.4).item() == pytest.approx(0)


def test_ssi_trimmed__without_trimming_is_half_the_affine_invariant_loss() -> None:
    predicted, target, valid = example()
    half = affine_invariant(predicted=predicted, target=target, valid=valid) / 2
    torch.testing.assert_close(ssi_trimmed(predicted=predicted, target=target, valid=valid, trimmed=0.0), half)


def test_ssi_trimmed__a_positive_factor_and_a_shift_of_either_map_change_nothing() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    value = ssi_trimmed(predicted=predicted, target=target, valid=valid)
    torch.testing.assert_close(ssi_trimmed(predicted=7 * predicted - 3, target=0.2 * target + 9, valid=valid), value)
    assert float(ssi_trimmed(predicted=-target, target=target, valid=valid)) > 0.1


def corrupted_fifth() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Prediction, target, mask, and the target with the fifth of its pixels that differ most spoiled."""
    generator = torch.Generator().manual_seed(2)
    target = torch.rand(1, 10, 10, generator=generator, dtype=torch.float64)
    predicted = target + 0.2 * torch.rand(target.shape, generator=generator, dtype=torch.float64)
    valid = torch.ones_like(target, dtype=torch.bool)
    error = (standardised(predicted, valid) - standardised(target, valid)).abs()
    spoiled = torch.where(error > error.flatten().kthvalue(80).values, target + 1e6, target)
    return predicted, target, valid, spoiled


def test_ssi_trimmed__a_fifth_of_wild_pixels_changes_nothing_once_the_maps_are_scaled() -> None:
    predicted, target, valid, spoiled = corrupted_fifth()
    assert int((spoiled != target).sum()) == 20
    sums = [
        trimmed_sums(predicted=standardised(predicted, valid), target=maps, valid=valid, trimmed=0.2)
        for maps in (standardised(target, valid), standardised(target, valid) + (spoiled - target))
    ]
    torch.testing.assert_close(sums[0], sums[1])


def test_ssi_trimmed__wild_pixels_break_the_mean_deviation_before_anything_is_trimmed() -> None:
    predicted, target, valid, spoiled = corrupted_fifth()
    clean = ssi_trimmed(predicted=predicted, target=target, valid=valid)
    assert float(ssi_trimmed(predicted=predicted, target=spoiled, valid=valid)) > 2 * float(clean)


def test_ssi_trimmed__trims_each_image_and_not_the_batch() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    predicted[1] += 10 * torch.rand(predicted.shape[1:], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    each = [ssi_trimmed(predicted=predicted[i : i + 1], target=target[i : i + 1], valid=valid[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(ssi_trimmed(predicted=predicted, target=target, valid=valid), (each[0] + each[1]) / 2)


def test_ssi_trimmed__an_impossible_share_is_refused() -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match=r"expected trimmed in \[0, 1\); got 1.5"):
        ssi_trimmed(predicted=predicted, target=target, valid=valid, trimmed=1.5)
