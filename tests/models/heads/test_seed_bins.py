# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.models.heads.seed_bins import Projector, SeedBins, centers_from_widths, normalised_widths
from tests.models.heads.zoe_fixture import stored

RANGE_M = (1e-3, 10.0)


def column(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)


def test_normalised_widths__agree_with_the_hand_value() -> None:
    widths = normalised_widths(column(0, 1, 3)).flatten().tolist()
    assert widths == pytest.approx([0.000250, 0.250062, 0.749688], abs=1e-6)


def test_centers_from_widths__agree_with_the_hand_value() -> None:
    centers_m = centers_from_widths(normalised_widths(column(0, 1, 3)), RANGE_M).flatten().tolist()
    assert centers_m == pytest.approx([0.002249, 1.253685, 6.251936], abs=1e-5)


def test_seed__agrees_with_the_released_code() -> None:
    arrays = stored("zoe_units")
    widths = normalised_widths(arrays["seed.activation"])
    torch.testing.assert_close(widths, arrays["seed.widths_normed"], atol=1e-5, rtol=0)
    torch.testing.assert_close(centers_from_widths(widths, RANGE_M), arrays["seed.centers"], atol=1e-5, rtol=0)


def test_seed_bins__bounded_ones_ascend_inside_the_range() -> None:
    torch.manual_seed(0)
    centers_m = SeedBins(8, 16, 12, range_m=(0.5, 4.0))(10 * torch.randn(2, 8, 3, 5))
    assert centers_m.shape == (2, 12, 3, 5)
    assert centers_m.diff(dim=1).min() > 0
    assert centers_m.min() > 0.5
    assert centers_m.max() < 4.0


def test_seed_bins__unbounded_ones_are_positive_and_free() -> None:
    torch.manual_seed(0)
    centers_m = SeedBins(8, 16, 12, range_m=None)(100 * torch.randn(2, 8, 3, 5))
    assert centers_m.min() >= 0
    assert centers_m.max() > 4.0


@pytest.mark.parametrize("range_m", [RANGE_M, None])
def test_seed_bins__are_computed_in_float32_under_autocast(range_m: tuple[float, float] | None) -> None:
    torch.manual_seed(0)
    seed, features = SeedBins(8, 16, 12, range_m=range_m), torch.randn(1, 8, 2, 2).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        centers_m = seed(features)
    torch.testing.assert_close(centers_m, seed(features.float()))


def test_keys__are_the_official_ones() -> None:
    official = {"_net.0.weight", "_net.0.bias", "_net.2.weight", "_net.2.bias"}
    assert set(Projector(4, 6, 8).state_dict()) == official
    assert set(SeedBins(4, 6, 8, range_m=None).state_dict()) == official
