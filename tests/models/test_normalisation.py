# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from leadline.models.normalisation import IMAGENET, Normalisation


def test_apply__subtracts_the_mean_and_divides_by_the_spread_per_channel() -> None:
    grey = torch.full((2, 3, 4, 5), 0.5)
    got = IMAGENET.apply(grey)
    assert got.shape == grey.shape
    wanted = torch.tensor([(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225])
    torch.testing.assert_close(got[1, :, 3, 4], wanted)


def test_apply__keeps_the_dtype_and_takes_a_single_image() -> None:
    halves = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    got = halves.apply(torch.ones(3, 2, 2, dtype=torch.float64))
    assert got.dtype == torch.float64
    assert (got == 1).all()
