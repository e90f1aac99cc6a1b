# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient, standardised
from tests.losses.every_loss import example

LOSSES = [affine_invariant, affine_invariant_gradient]


def row(*values: float) -> Tensor:
    return torch.tensor([[list(values)]])


def everywhere(values: Tensor) -> Tensor:
    return torch.ones_like(values, dtype=torch.bool)


def test_affine_invariant__has_the_ledger_s_hand_value_with_the_lower_median() -> None:
    target, predicted = row(1, 2, 4, 8), row(1, 3, 4, 6)
    assert standardised(target, everywhere(target)).flatten().tolist() == pytest.approx([-4 / 9, 0, 8 / 9, 8 / 3])
    assert standardised(predicted, everywhere(target)).flatten().tolist() == pytest.approx([-4 / 3, 0, 2 / 3, 2])
    loss = affine_invariant(predicted=predicted, target=target, valid=everywhere(target))
    assert float(loss) == pytest.approx(0.444444, abs=1e-6)
    swapped = affine_invariant(predicted=target, target=predicted, valid=everywhere(target))
    assert float(swapped) == pytest.approx(float(loss), abs=1e-6)


def test_standardised__the_median_is_that_of_the_valid_pixels() -> None:
    values = row(5, 6, 7, 8, 9)
    assert standardised(values, values < 7).flatten().tolist() == [0, 2, 0, 0, 0]


@pytest.mark.parametrize("loss", LOSSES)
def test_affine_invariant__a_positive_factor_and_a_shift_of_either_map_change_nothing_and_a_negative_one_does(
    loss: Callable[..., Tensor],
) -> None:
    predicted, target, valid = example(dtype=torch.float64)
    value = float(loss(predicted=predicted, target=target, valid=valid))
    assert value > 0.1
    assert float(loss(predicted=7 * predicted - 3, target=0.2 * target + 9, valid=valid)) == pytest.approx(value)
    assert float(loss(predicted=2 * target + 1, target=target, valid=valid)) < 1e-12
    assert float(loss(predicted=-target, target=target, valid=valid)) > 0.5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("constant", ["predicted", "target"])
def test_affine_invariant__a_constant_map_has_a_finite_loss_and_gradient(loss: Callable[..., Tensor], constant: str) -> None:
    predicted, target, valid = example()
    maps = {"predicted": predicted, "target": target, constant: torch.ones_like(target)}
    maps["predicted"].requires_grad_()
    value = loss(**maps, valid=valid)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.isfinite()
    assert maps["predicted"].grad is not None
    assert maps["predicted"].grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_affine_invariant__an_image_with_one_valid_pixel_or_none_is_finite_and_none_does_not_dilute_the_mean(
    loss: Callable[..., Tensor],
) -> None:
    predicted, target, valid = example()
    alone = loss(predicted=predicted[:1], target=target[:1], valid=valid[:1])
    valid[1] = False
    assert float(loss(predicted=predicted, target=target, valid=valid)) == pytest.approx(float(alone))
    valid[1, 2, 3] = True
    assert loss(predicted=predicted, target=target, valid=valid).isfinite()


def test_affine_invariant_gradient__counts_steps_of_the_standardised_difference() -> None:
    target = torch.arange(8.0).expand(1, 8, 8)
    flat = torch.zeros_like(target)
    spread = float((target - 3).abs().mean())  # lower median of eight columns
    value = affine_invariant_gradient(predicted=flat, target=target, valid=everywhere(target))
    assert float(value) * spread == pytest.approx(4.375)  # the ledger's column ramp: 56/64 + 24/16 + 8/4 + 0


@pytest.mark.parametrize(("norm", "expected"), [("per_scale", 4.375), ("full", 88 / 64)])
def test_affine_invariant_gradient__divides_by_the_pixels_of_each_scale_or_of_the_whole_map(
    norm: str, expected: float
) -> None:
    target = torch.arange(8.0).expand(1, 8, 8)
    spread = float((target - 3).abs().mean())
    value = affine_invariant_gradient(
        predicted=torch.zeros_like(target),
        target=target,
        valid=everywhere(target),
        norm=norm,  # type: ignore[arg-type]
    )
    assert float(value) * spread == pytest.approx(expected)


def test_affine_invariant_gradient__takes_as_many_scales_as_it_is_told() -> None:
    target = torch.arange(8.0).expand(1, 8, 8)
    spread = float((target - 3).abs().mean())
    found = [
        float(affine_invariant_gradient(predicted=0 * target, target=target, valid=everywhere(target), scales=count))
        * spread
        for count in (1, 2, 3)
    ]
    assert found == pytest.approx([56 / 64, 56 / 64 + 24 / 16, 56 / 64 + 24 / 16 + 8 / 4])


def test_affine_invariant__does_not_care_where_the_pixels_are() -> None:
    predicted, target, valid = (one.flatten(1)[:, None] for one in example(dtype=torch.float64))
    order = torch.randperm(predicted.shape[-1], generator=torch.Generator().manual_seed(1))
    value = affine_invariant(predicted=predicted, target=target, valid=valid)
    shuffled = affine_invariant(predicted=predicted[..., order], target=target[..., order], valid=valid[..., order])
    assert float(shuffled) == pytest.approx(float(value))


def test_affine_invariant__pooled_over_the_batch_each_pixel_weighs_the_same_and_by_image_each_image() -> None:
    predicted, target, valid = example(dtype=torch.float64)
    valid[0, 1:4] = False
    each = [
        float(affine_invariant(predicted=predicted[i : i + 1], target=target[i : i + 1], valid=valid[i : i + 1]))
        for i in range(2)
    ]
    pixels = valid.sum(dim=(1, 2)).tolist()
    assert pixels[0] < pixels[1]
    by_pixel = affine_invariant(predicted=predicted, target=target, valid=valid, pooling="batch")
    by_image = affine_invariant(predicted=predicted, target=target, valid=valid)
    assert float(by_pixel) == pytest.approx((pixels[0] * each[0] + pixels[1] * each[1]) / sum(pixels))
    assert float(by_image) == pytest.approx(sum(each) / 2)


def test_affine_invariant__the_largest_differences_are_left_out_image_by_image() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 10, 20, generator=generator, dtype=torch.float64)
    predicted = target + 0.1 * torch.rand(target.shape, generator=generator, dtype=torch.float64)
    predicted[1] += torch.rand(10, 20, generator=generator, dtype=torch.float64)  # all of its errors are larger
    valid = torch.rand(target.shape, generator=generator) > 0.2
    difference = (standardised(predicted, valid) - standardised(target, valid)).abs()
    expected = []
    for one, known in zip(difference, valid, strict=True):
        errors = one[known].sort().values
        expected.append(errors[: len(errors) * 9 // 10].mean())
    found = affine_invariant(predicted=predicted, target=target, valid=valid, ignore_largest=0.1)
    torch.testing.assert_close(found, torch.stack(expected).mean())


def test_affine_invariant__what_is_left_out_gets_no_direct_gradient_but_the_rest_does() -> None:
    target = torch.arange(100.0, dtype=torch.float64).reshape(1, 10, 10)
    predicted = target.clone()
    predicted[0, 9, 9] = 5e3
    predicted.requires_grad_()
    affine_invariant(predicted=predicted, target=target, valid=everywhere(target), ignore_largest=0.1).backward()  # type: ignore[no-untyped-call]
    assert predicted.grad is not None
    assert (predicted.grad != 0).float().mean() > 0.9


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_affine_invariant__an_impossible_share_is_refused(share: float) -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match=rf"expected ignore_largest in \[0, 1\); got {share}; pass e.g. 0.1"):
        affine_invariant(predicted=predicted, target=target, valid=valid, ignore_largest=share)


def test_affine_invariant__another_pooling_or_norm_is_refused() -> None:
    predicted, target, valid = example()
    with pytest.raises(ContractError, match="expected pooling as one of image, batch; got 'pixel'"):
        affine_invariant(predicted=predicted, target=target, valid=valid, pooling="pixel")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="expected norm as one of per_scale, full; got 'mean'"):
        affine_invariant_gradient(predicted=predicted, target=target, valid=valid, norm="mean")  # type: ignore[arg-type]
