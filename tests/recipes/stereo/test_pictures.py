# SPDX-License-Identifier: Apache-2.0
"""The sheet of a pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leadline.recipes.stereo.pair import pair_of
from leadline.recipes.stereo.pictures import pictured_stages
from tests.recipes.stereo.toy import shifted_batch, toy_recipe


@pytest.mark.parametrize(
    ("changes", "columns"), [({}, 4), ({"start_refine": 0}, 4), ({"start_stereo": 0, "start_refine": 0}, 3)]
)
def test_sheet__shows_what_was_built(changes: dict[str, int], columns: int) -> None:
    recipe = toy_recipe(**changes).eval()
    with torch.no_grad():
        sheet = pictured_stages(recipe.trained, pair_of(shifted_batch(), None), index=1)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == columns * 128 + (columns + 1) * 8
