# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch

from leadline.recipes.metric_pictures import pictured
from tests.recipes.test_metric import toy_batch


def test_pictured__a_better_prediction_gives_a_paler_error() -> None:
    batch = toy_batch()
    assert batch.depth is not None
    valid = torch.ones_like(batch.depth, dtype=torch.bool)
    right, wrong = (pictured(batch, batch.depth + shift_m, valid, 0).astype(float) for shift_m in (0.0, 6.0))
    error_panel = slice(3 * right.shape[1] // 4, None)
    assert right[:, error_panel].mean() > wrong[:, error_panel].mean() + 20
    assert np.array_equal(right[:, : right.shape[1] // 2], wrong[:, : right.shape[1] // 2])


def test_pictured__a_prediction_that_is_no_number_is_drawn_too() -> None:
    batch = toy_batch()
    assert batch.depth is not None
    picture = pictured(batch, torch.full_like(batch.depth, torch.nan), torch.zeros_like(batch.depth, dtype=torch.bool), 0)
    assert picture.dtype == np.uint8


def test_pictured__a_batch_without_depth_is_a_mistake_of_ours() -> None:
    batch = toy_batch()
    assert batch.depth is not None
    with pytest.raises(ValueError, match="with depth"):
        pictured(dataclasses.replace(batch, depth=None, valid=None), batch.depth, batch.depth > 0, 0)
