# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.losses.selection import lower_median, smallest_weights
from tests.losses.every_loss import example


def row(*values: float) -> Tensor:
    return torch.tensor([[list(values)]], dtype=torch.float32)


def test_lower_median__takes_the_lower_of_two_middle_values() -> None:
    assert lower_median(row(8, 1, 4, 2), row(1, 1, 1, 1) > 0).tolist() == [2]
    assert lower_median(row(6, 1, 4, 3), row(1, 1, 1, 1) > 0).tolist() == [3]
    assert lower_median(row(8, 1, 4), row(1, 1, 1) > 0).tolist() == [4]


def test_lower_median__of_the_first_two_of_five_is_the_first() -> None:
    values = row(5, 6, 7, 8, 9)
    assert lower_median(values, values < 7).tolist() == [5]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 0.97, 1.0])
def test_lower_median__is_that_of_each_image_s_valid_pixels_however_many_they_are(share: float) -> None:
    generator = torch.Generator().manual_seed(int(100 * share))
    values = torch.randn(9, 7, 11, generator=generator)
    valid = torch.rand(values.shape, generator=generator) <= share
    valid[0], valid[1] = True, False
    valid[1, 6, 10] = True
    expected = torch.where(valid, values, torch.nan).flatten(1).nanmedian(dim=1).values.nan_to_num(0)
    assert torch.equal(lower_median(values, valid), expected)
    assert torch.equal(lower_median(values.masked_fill(~valid, torch.nan), valid), expected)


def test_lower_median__passes_its_gradient_to_one_pixel() -> None:
    values = row(3, 1, 3, 9).requires_grad_()
    (found,) = torch.autograd.grad(lower_median(values, values > 2).sum(), values)
    assert found.flatten().tolist() == [1, 0, 0, 0]


def test_lower_median__does_not_change_what_it_reads() -> None:
    values, _, valid = example()
    before = values.clone()
    lower_median(values, torch.ones_like(valid))
    assert torch.equal(values, before)


def test_smallest_weights__of_0_to_99_keep_the_first_90() -> None:
    values = torch.arange(100.0)[torch.randperm(100)].reshape(1, 10, 10)
    weights, kept = smallest_weights(values, values >= 0, ignore_largest=0.1)
    assert kept.tolist() == [90]
    assert float((weights * values).sum() / kept) == 44.5
    assert torch.equal(weights, (values < 90).float())


def test_smallest_weights__of_a_level_map_keep_nine_tenths_and_not_nothing() -> None:
    weights, kept = smallest_weights(torch.full((1, 10, 10), 3.0), torch.ones(1, 10, 10) > 0, ignore_largest=0.1)
    assert kept.tolist() == [90]
    assert weights.sum().item() == pytest.approx(90)


def test_smallest_weights__ties_at_the_border_share_the_places_that_are_left() -> None:
    weights, kept = smallest_weights(row(1, 5, 5, 5, 9), row(1, 1, 1, 1, 1) > 0, ignore_largest=0.4)
    assert kept.tolist() == [3]
    assert weights.flatten().tolist() == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3, 0])


def test_smallest_weights__choose_within_each_image_and_never_count_invalid_pixels() -> None:
    values = torch.stack([torch.arange(20.0), 1000 + torch.arange(20.0)]).reshape(2, 4, 5)
    valid = torch.ones_like(values, dtype=torch.bool)
    valid[0, :2] = False
    weights, kept = smallest_weights(values.masked_fill(~valid, -1e9), valid, ignore_largest=0.1)
    assert kept.tolist() == [9, 18]
    assert weights.sum(dim=(1, 2)).tolist() == [9, 18]
    assert (weights[~valid] == 0).all()


@pytest.mark.parametrize("pixels", range(1, 130, 7))
@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.7])
def test_smallest_weights__keep_the_floor_of_the_share_but_at_least_one(pixels: int, share: float) -> None:
    values = torch.rand(1, 10, 13, generator=torch.Generator().manual_seed(pixels))
    valid = (torch.arange(130) < pixels).reshape(1, 10, 13)
    weights, kept = smallest_weights(values, valid, ignore_largest=share)
    expected = max(1, pixels * round(10 * (1 - share)) // 10)
    assert kept.tolist() == [expected]
    assert torch.equal(weights, ((values <= values[valid].sort().values[expected - 1]) & valid).float())


def test_smallest_weights__without_a_valid_pixel_are_zero() -> None:
    weights, kept = smallest_weights(row(1, 2, 3), row(0, 0, 0) > 0, ignore_largest=0.1)
    assert kept.tolist() == [0]
    assert weights.sum() == 0


def test_smallest_weights__of_nothing_to_ignore_are_the_mask() -> None:
    values, _, valid = example()
    weights, kept = smallest_weights(values, valid, ignore_largest=0.0)
    assert torch.equal(weights, valid.float())
    assert torch.equal(kept, valid.sum(dim=(1, 2)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_selection__says_the_same_on_a_gpu() -> None:
    values, _, valid = example()
    assert torch.equal(lower_median(values.cuda(), valid.cuda()).cpu(), lower_median(values, valid))
    weights, _ = smallest_weights(values, valid, ignore_largest=0.3)
    on_gpu, _ = smallest_weights(values.cuda(), valid.cuda(), ignore_largest=0.3)
    assert torch.equal(on_gpu.cpu(), weights)
