# SPDX-License-Identifier: Apache-2.0
"""Pictures larger than the network."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.inference.pictures import as_picture
from leadline.inference.predictor import Predictor
from leadline.inference.tiles.tiled import AUTO_FACTOR, TiledPredictor, TileSettings
from leadline.models.weights import load_model
from tests.inference.stand_ins import FormulaPredictor, noise, red
from tests.models.official import ABSENT, PARTIAL
from tests.shared_paths import shared

PICTURE = noise(150, 211)
TILES = TileSettings(side_px=48)


@pytest.mark.parametrize("kind", list(DepthKind))
@pytest.mark.parametrize("size", [(150, 211), (48, 211), (20, 300), (300, 1), (49, 49)])
def test_tiled__reconstructs_what_an_identity_network_sees(kind: DepthKind, size: tuple[int, int]) -> None:
    picture = noise(*size)
    depth = TiledPredictor(FormulaPredictor(red, kind), TILES).predict_batch([picture])[0]
    np.testing.assert_allclose(depth.values, picture[..., 0], rtol=1e-6)
    assert depth.values.dtype == np.float32
    assert depth.valid.all()
    assert depth.kind is kind
    assert "tiling" in depth.notes


@pytest.mark.parametrize("kind", list(DepthKind))
def test_tiled__a_constant_network_shows_no_seam(kind: DepthKind) -> None:
    depth = TiledPredictor(FormulaPredictor(lambda x: np.full(x.shape[:2], 3.7), kind), TILES).predict_batch([PICTURE])[0]
    np.testing.assert_allclose(depth.values, 3.7, rtol=1e-6)
    said = depth.notes["tiling"]
    assert said["seam_ratio"] == said["border_gradient_ratio"] == pytest.approx(1.0)  # type: ignore[index]
    assert all(name in said for name in said["definitions"])  # type: ignore[index, operator]


def moody(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
    """The truth of the whole picture, and of any part the truth times and plus something that only the part knows."""
    if picture.shape == PICTURE.shape:
        return red(picture)
    rng = np.random.default_rng(picture.tobytes()[:64][0])
    return red(picture) * rng.uniform(0.1, 10) + rng.uniform(-500, 500)


def test_tiled__recovers_the_truth_from_tiles_in_units_of_their_own() -> None:
    depth = TiledPredictor(FormulaPredictor(moody), TILES).predict_batch([PICTURE])[0]
    np.testing.assert_allclose(depth.values, red(PICTURE), atol=1e-3)
    said = depth.notes["tiling"]
    assert said["explained_median"] == pytest.approx(1.0)  # type: ignore[index]
    assert said["left_to_global_pass"] == 0  # type: ignore[index]


def test_tiled__recovers_metres_from_tiles_that_are_off_by_a_factor() -> None:
    def zoomed(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
        return red(picture) * (1.0 if picture.shape == PICTURE.shape else 1 + picture[0, 0, 0] / 99)

    depth = TiledPredictor(FormulaPredictor(zoomed, DepthKind.METRIC), TILES).predict_batch([PICTURE])[0]
    np.testing.assert_allclose(depth.values, red(PICTURE), rtol=1e-5)


def test_tiled__adds_the_detail_that_the_whole_was_too_small_to_show() -> None:
    def coarse(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
        if picture.shape[0] < 150:
            return red(picture)
        blocks = red(picture)[:, :210].reshape(15, 10, 21, 10).mean(axis=(1, 3)).repeat(10, 0).repeat(10, 1)
        return np.pad(blocks, ((0, 0), (0, 1)), mode="edge")

    stripes = np.zeros((150, 211, 3), np.uint8)
    stripes[..., 0] = np.add.outer(np.arange(150) // 2, np.arange(211) // 3)
    stripes[:, ::7, 0] += 60
    depth = TiledPredictor(FormulaPredictor(coarse), TILES).predict_batch([stripes])[0]
    assert np.corrcoef(depth.values.ravel(), red(stripes).ravel())[0, 1] > 0.97
    assert np.corrcoef(coarse(stripes).ravel(), red(stripes).ravel())[0, 1] < 0.93


def test_tiled__a_pixel_is_valid_where_a_tile_over_it_is_and_nothing_invalid_is_read() -> None:
    def holed(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
        return np.where(picture[..., 1] > 250, np.nan, red(picture))

    depth = TiledPredictor(FormulaPredictor(holed), TileSettings(side_px=96)).predict_batch([PICTURE])[0]
    assert (depth.valid == (PICTURE[..., 1] <= 250)).all()
    assert np.isfinite(depth.values).all()
    nothing = FormulaPredictor(lambda x: np.full(x.shape[:2], np.nan))
    empty = TiledPredictor(nothing, TILES).predict_batch([PICTURE])[0]
    assert not empty.valid.any()
    assert empty.notes["tiling"]["seam_ratio"] is empty.notes["tiling"]["border_gradient_ratio"] is None  # type: ignore[index]


def test_tiled__the_picture_s_own_share_of_the_gradient_at_borders_is_told_beside_it() -> None:
    ramps = np.zeros((150, 211, 3), np.uint8)
    ramps[..., 0] = (
        np.abs(np.arange(211) - 105)[None] + 20
    )  # the network changes nothing, so what is at borders is the picture
    said = TiledPredictor(FormulaPredictor(red), TILES).predict_batch([ramps])[0].notes["tiling"]
    own, whole = said["border_gradient_ratio"], said["border_gradient_ratio_of_global_pass"]  # type: ignore[index]
    assert own == pytest.approx(whole, rel=1e-3)


def test_tiled__confidence_is_blended_as_it_is() -> None:
    sure = FormulaPredictor(moody, confidence=lambda x: x[..., 2] / 255)
    depth = TiledPredictor(sure, TILES).predict_batch([PICTURE])[0]
    assert depth.confidence is not None
    np.testing.assert_allclose(depth.confidence, PICTURE[..., 2] / 255, atol=1e-6)
    assert TiledPredictor(FormulaPredictor(red), TILES).predict_batch([PICTURE])[0].confidence is None


def test_tiled__auto_tiles_only_pictures_far_larger_than_the_network() -> None:
    predictor = FormulaPredictor(red, input_size=40)
    tiled = TiledPredictor(predictor)
    limit = AUTO_FACTOR * 40
    small, large = noise(limit - 1, 900), noise(limit, 400)
    maps = tiled.predict_batch([small, large, small])
    assert [one.values.shape for one in maps] == [small.shape[:2], large.shape[:2], small.shape[:2]]
    assert ["tiling" in one.notes for one in maps] == [False, True, False]
    assert predictor.batches[0] == 2
    assert maps[1].notes["tiling"]["tile_px"] == [40, 40]  # type: ignore[index]
    huge = tiled.grid((4000, 6000, 3))
    assert huge is not None
    assert huge.rows.tile_px == 1000


def test_tiled__a_tile_as_large_as_the_picture_is_the_picture() -> None:
    depth = TiledPredictor(FormulaPredictor(red), TileSettings(side_px=300)).predict_batch([PICTURE])[0]
    assert "tiling" not in depth.notes
    assert TiledPredictor(FormulaPredictor(red)).predict_batch([]) == []


def test_tiled__sees_the_whole_once_then_each_tile_and_says_so() -> None:
    predictor, told = FormulaPredictor(red), []
    settings = TileSettings(side_px=48, batch_size=3)
    depth = TiledPredictor(predictor, settings, lambda done, total: told.append((done, total))).predict_batch([PICTURE])[0]
    said = json.loads(json.dumps(depth.notes))["tiling"]
    count = said["rows"] * said["columns"]
    assert predictor.seen[0] == PICTURE.shape
    assert predictor.seen[1:] == [(48, 48, 3)] * count
    assert told == [(done, count) for done in range(1, count + 1)]
    assert max(predictor.batches) == 3
    assert (
        depth.values.tobytes() == TiledPredictor(FormulaPredictor(red), TILES).predict_batch([PICTURE])[0].values.tobytes()
    )


def test_tiled__describes_the_predictor_and_refuses_impossible_tiles() -> None:
    predictor = FormulaPredictor(red, DepthKind.METRIC)
    tiled = TiledPredictor(predictor)
    assert (tiled.kind, tiled.description) == (DepthKind.METRIC, predictor.description)
    assert tiled.preprocessing is predictor.preprocessing
    with pytest.raises(UsageError, match="at least 32 pixels; got 31"):
        TileSettings(side_px=31)
    with pytest.raises(UsageError, match="one tile at a time"):
        TileSettings(batch_size=0)


def test_tiled__memory_is_one_map_of_the_picture_and_a_band_of_tiles() -> None:
    def cheap(picture: NDArray[np.uint8]) -> NDArray[np.floating]:
        return picture[..., 0].astype(np.float32)

    picture = noise(1500, 1000)
    tiled = TiledPredictor(FormulaPredictor(cheap), TileSettings(side_px=100))
    tracemalloc.start()
    tiled.predict_batch([picture])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pixels, band, tile = 1500 * 1000, 100 * 1000, 100 * 100
    assert peak < 4 * pixels + pixels + 5 * 4 * band + 50 * tile


def real_predictor(input_size: int) -> Predictor:
    weights = shared(PARTIAL)
    model = load_model(weights, architecture="depth-anything-v2-small", allow_missing=[ABSENT])
    nn.init.zeros_(model.get_parameter("decoder.resize_layers.3.weight"))
    return Predictor(model, device="cpu", precision="fp32", input_size=input_size)


@pytest.mark.parametrize(
    "name", ["demo08.jpg", *(pytest.param(f"demo{n}.jpg", marks=pytest.mark.slow) for n in ("01", "04", "13"))]
)
def test_tiled__real_weights_leave_no_seam_on_a_photograph(name: str) -> None:
    picture = as_picture(Path(shared(f"data/photos/{name}")))
    depth = TiledPredictor(real_predictor(126), TileSettings(side_px=240)).predict_batch([picture])[0]
    said = depth.notes["tiling"]
    assert said["seam_ratio"] <= 1.05  # type: ignore[index]
    assert said["explained_median"] > 0.5  # type: ignore[index]
