# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.recipes.supervised.pictures import pictured
from tests.recipes.metric.test_recipe import toy_batch


def test_pictured__a_better_prediction_gives_a_paler_error() -> None:
    batch = toy_batch()
    assert batch.depth is not None
    batch = dataclasses.replace(batch, valid=torch.ones_like(batch.depth, dtype=torch.bool))
    assert batch.depth is not None
    right, wrong = (pictured(batch, batch.depth[0] + shift_m, 0).astype(float) for shift_m in (0.0, 6.0))
    error_panel = slice(3 * right.shape[1] // 4, None)
    assert right[:, error_panel].mean() > wrong[:, error_panel].mean() + 20
    assert np.array_equal(right[:, : right.shape[1] // 2], wrong[:, : right.shape[1] // 2])


def test_pictured__a_prediction_that_is_no_number_is_drawn_too() -> None:
    batch = toy_batch()
    assert batch.depth is not None
    batch = dataclasses.replace(batch, valid=torch.zeros_like(batch.depth, dtype=torch.bool))
    picture = pictured(batch, torch.full((28, 42), torch.nan), 0)
    assert picture.dtype == np.uint8


def test_pictured__a_batch_without_depth_is_refused() -> None:
    batch = toy_batch()
    assert batch.depth is not None
    with pytest.raises(ContractError, match="batches with depth"):
        pictured(dataclasses.replace(batch, depth=None, valid=None), batch.depth[0], 0)
