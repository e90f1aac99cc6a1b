# SPDX-License-Identifier: Apache-2.0
"""Four panels: as many pictures as there are to show, one scale, the guess beside the prediction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.evaluation import figures
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.figures import four_panels, write_figures
from leadline.evaluation.protocols.da2k import DA2K
from leadline.geometry.alignment import Alignment
from tests.evaluation.toys import ToyPredictor, ToyScenes

DEPTH = find_protocol("depth")
SCENES = ToyScenes()


def test_write_figures__writes_three_pictures(tmp_path: Path) -> None:
    written = write_figures(ToyPredictor(), SCENES, DEPTH, tmp_path / "out")
    assert [path.name for path in written] == ["result_0.png", "result_1.png", "result_2.png"]
    assert all(Image.open(path).size[0] > 4 * 320 for path in written)


def test_four_panels__show_truth_ramp_and_prediction_on_one_scale_with_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, float, float]] = []

    def watched(picture: NDArray[np.uint8], *, low: float, high: float, unit: str, title: str) -> NDArray[np.uint8]:
        assert unit == "m"
        seen.append((title, low, high))
        return picture

    monkeypatch.setattr(figures, "with_legend", watched)
    four_panels(ToyPredictor(change=lambda z: 2 * z), SCENES[0], replace(DEPTH, range_m=(0.0, float("inf"))))
    titles = [title for title, _, _ in seen]
    assert titles[0] == "truth"
    assert titles[1].startswith("vertical ramp: AbsRel ")
    assert titles[2].startswith("prediction: AbsRel 1, RMSE ")
    assert len({one[1:] for one in seen}) == 1
    depth_m = SCENES[0].depth
    assert depth_m is not None
    assert seen[0][1:] == pytest.approx(tuple(np.percentile(depth_m, [2, 98])), rel=1e-3)


def test_four_panels__align_what_claims_less() -> None:
    relative = ToyPredictor(change=lambda z: 5 / z + 3, kind=DepthKind.AFFINE_DISPARITY)
    aligned = replace(DEPTH, alignment=Alignment.SCALE_SHIFT_DISPARITY)
    assert four_panels(relative, SCENES[0], aligned).ndim == 3


def test_write_figures__refuses_what_has_no_depth(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="with depth for --figures"):
        write_figures(ToyPredictor(), SCENES, DA2K, tmp_path)
