# SPDX-License-Identifier: Apache-2.0
"""Report pictures: the prediction as it was judged, beside the truth, with its numbers."""

from dataclasses import replace

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.report_pictures import compared_pictures
from leadline.geometry.alignment import Alignment
from tests.evaluation.toys import ToyPredictor, ToyScenes

DEPTH = find_protocol("depth")
SCENES = ToyScenes()


def test_pictures__one_row_per_sample_with_its_numbers() -> None:
    rows = compared_pictures(ToyPredictor(change=lambda z: 2 * z), [SCENES[0], SCENES[3]], DEPTH)
    assert rows[0].caption.startswith("scene/000.png: delta1 0, abs_rel 1, rmse ")
    assert all(row.pixels.dtype == np.uint8 and row.pixels.ndim == 3 for row in rows)
    assert rows[0].pixels.shape[1] > 3 * rows[0].pixels.shape[0] * 32 / 24 * 0.7


def test_pictures__show_aligned_metres_for_relative_models() -> None:
    relative = ToyPredictor(change=lambda z: 5 / z + 3, kind=DepthKind.AFFINE_DISPARITY)
    aligned = replace(DEPTH, alignment=Alignment.SCALE_SHIFT_DISPARITY)
    (shown,) = compared_pictures(relative, [SCENES[0]], aligned)
    (true,) = compared_pictures(ToyPredictor(), [SCENES[0]], DEPTH)
    assert "delta1 1, abs_rel " in shown.caption
    left = slice(0, 2 * true.pixels.shape[1] // 3)  # all but the error panel, whose scale is its own
    assert np.mean(np.abs(shown.pixels[:, left].astype(int) - true.pixels[:, left].astype(int))) < 2
    with pytest.raises(ContractError):
        compared_pictures(relative, [SCENES[0]], DEPTH)
