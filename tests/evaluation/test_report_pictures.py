# SPDX-License-Identifier: Apache-2.0
"""Report pictures: the prediction as it was judged, beside the truth, with its numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.evaluation import report_pictures
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


def test_pictures__share_the_scale_of_the_scored_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    scales = []

    def watched(*_: object, low: float, high: float) -> NDArray[np.uint8]:
        scales.append((low, high))
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(report_pictures, "comparison", watched)
    compared_pictures(ToyPredictor(change=lambda z: 9 * z), [SCENES[0]], DEPTH)
    depth_m = SCENES[0].depth
    assert depth_m is not None
    assert scales == [pytest.approx(tuple(np.percentile(depth_m, [2, 98])), rel=1e-3)]


def test_pictures__missing_predictions_are_grey() -> None:
    silent = ToyPredictor(change=lambda z: torch.where(torch.arange(z.shape[-1]) < 16, torch.nan, z))
    with_hole, whole = (compared_pictures(p, [SCENES[0]], DEPTH)[0].pixels for p in (silent, ToyPredictor()))
    grey = [(picture == 128).all(axis=-1).mean() for picture in (with_hole, whole)]
    assert grey[0] > grey[1] + 0.1


def test_pictures__a_silent_prediction_under_an_alignment_is_grey_not_an_error() -> None:
    silent = ToyPredictor(change=lambda z: torch.full_like(z, torch.nan))
    (shown,) = compared_pictures(silent, [SCENES[0]], replace(DEPTH, alignment=Alignment.MEDIAN))
    assert "delta1 0, " in shown.caption
    assert (shown.pixels == 128).all(axis=-1).mean() > 0.3  # two panels of four, prediction and error


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
