# SPDX-License-Identifier: Apache-2.0
"""A predictor and pictures far larger than its network sees enter; maps with the detail of their tiles leave, without seams.

A global pass says how the scene lies; overlapping tiles, each seen at the network's own size, add what the pass was too
coarse for.  Each tile is fitted to the pass (``fitted_tile``) and blended into its neighbours (``blending``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leadline.contracts.depth_map import DepthMap
from leadline.contracts.errors import UsageError
from leadline.inference.tiles.blending import Blend
from leadline.inference.tiles.cell_means import CellMeans, cell_means
from leadline.inference.tiles.fitted import fit_tile
from leadline.inference.tiles.grid import OVERLAP, TileGrid, tile_grid
from leadline.inference.tiles.memory import return_freed_memory
from leadline.inference.tiles.seams import DEFINITIONS, border_gradient_ratio, seam_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind
    from leadline.inference.agreement import Fit
    from leadline.inference.predict_files import PredictsByNetwork
    from leadline.inference.preprocess import PreprocessSettings

    OnTile = Callable[[int, int], None]

logger = logging.getLogger(__name__)

AUTO_FACTOR = 4
"""Without a side, pictures are tiled from a shorter side of so many times the network's.  There one number of the network
stands for 16 pixels and its enlargement is plainly soft; below, tiles would cost 15 times the work for little."""
AUTO_TILES_ACROSS = 4
"""A chosen tile shows at least this part of the shorter side: less is often one surface, which says nothing of its depth."""
MIN_TILE_PX = 32
"""Of fewer pixels a network sees nothing."""
_CELLS_ACROSS = 8  # at least, of a tile: 64 numbers to fit one or two to
_CELL_PER_NETWORK_PX = 2  # a pass says nothing finer than two of the network's pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class TileSettings:
    """Which pictures are tiled, and how."""

    side_px: int | None = None
    """Side of a tile in pixels of the picture; None decides by the picture, see ``AUTO_FACTOR``."""
    batch_size: int = 1
    """Tiles that go through the network together."""

    def __post_init__(self) -> None:
        if self.side_px is not None and self.side_px < MIN_TILE_PX:
            raise UsageError(
                expected=f"tiles of at least {MIN_TILE_PX} pixels",
                got=str(self.side_px),
                remedy="auto chooses their size",
            )
        if self.batch_size < 1:
            raise UsageError(expected="at least one tile at a time", got=str(self.batch_size), remedy="use 1")


class TiledPredictor:
    """``predictor``, with tiles for large pictures.

    Beside the picture (3 bytes a pixel), memory holds one float32 map of its size and one bool map (with confidence one
    float32 map more), weights for one row of tiles, and what ``predictor`` needs for the whole picture or for one batch of
    tiles.  Time grows with the number of tiles, plus one pass over the whole.

    Args:
        predictor: anything that turns arrays into maps; it sees the whole picture once, then each tile.
        settings: side and batch.
        on_tile: called with (tiles done, tiles in all) of the picture at hand.
    """

    def __init__(
        self, predictor: PredictsByNetwork, settings: TileSettings | None = None, on_tile: OnTile | None = None
    ) -> None:
        self._predictor = predictor
        self._settings = settings or TileSettings()
        self._on_tile = on_tile

    @property
    def description(self) -> Mapping[str, Any]:
        """The predictor's; each map's own notes say how it was tiled."""
        return self._predictor.description

    @property
    def preprocessing(self) -> PreprocessSettings:
        """The predictor's, for the whole and for each tile."""
        return self._predictor.preprocessing

    @property
    def kind(self) -> DepthKind:
        """The predictor's."""
        return self._predictor.kind

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """One (H, W) map per (H, W, 3) uint8 RGB picture, in order, in the kind and unit of ``predictor``.

        A pixel is valid where a tile over it is.  ``notes["tiling"]`` of a tiled map holds the grid, how well the tiles
        agreed with the global pass, how many were left to it, and two measures of seams with their definitions (see
        ``tiles.seams``): ``seam_ratio``; and ``border_gradient_ratio`` beside that of the global pass.
        """
        grids = [self.grid(picture.shape) for picture in pictures]
        whole = [picture for picture, grid in zip(pictures, grids, strict=True) if grid is None]
        untiled = iter(self._predictor.predict_batch(whole) if whole else [])
        return [
            next(untiled) if grid is None else self._tiled(picture, grid)
            for picture, grid in zip(pictures, grids, strict=True)
        ]

    def grid(self, shape: Sequence[int]) -> TileGrid | None:
        """The tiles of a picture of ``shape`` (height, width, ...); None where it is predicted whole."""
        network_px, side = self.preprocessing.input_size, self._settings.side_px
        if side is None:
            if min(shape[:2]) < AUTO_FACTOR * network_px:
                return None
            side = max(network_px, min(shape[:2]) // AUTO_TILES_ACROSS)
        grid = tile_grid(shape[:2], side)
        return grid if grid.count > 1 else None

    def _tiled(self, picture: NDArray[np.uint8], grid: TileGrid) -> DepthMap:
        size = picture.shape[:2]
        rows, columns = grid.rows, grid.columns
        logger.info("%dx%d picture: %d tiles of %dx%d", size[1], size[0], grid.count, columns.tile_px, rows.tile_px)
        return_freed_memory()  # what decoding the picture took, three times its own size
        pass_ = self._predictor.predict_batch([picture])[0]
        network_px = -(-min(size) // self.preprocessing.input_size)
        tile_px = min(rows.tile_px, columns.tile_px)
        cell_px = max(1, min(_CELL_PER_NETWORK_PX * network_px, tile_px // _CELLS_ACROSS))
        reference = cell_means(pass_.values, pass_.valid, cell_px=cell_px)
        layers = 1 if pass_.confidence is None else 2
        borders = {"rows": rows.borders_px(), "columns": columns.borders_px()}
        seamless = border_gradient_ratio(pass_.values, pass_.valid, **borders)
        del pass_  # its place in memory is taken by the blend
        return_freed_memory()
        blend = Blend(size, band_px=rows.tile_px, layers=layers)
        fits = self._blend_tiles(picture, grid, reference, blend)
        values, confidence = blend.maps[0], blend.maps[1] if layers == 2 else None
        seams = {
            "seam_ratio": seam_ratio(values, blend.valid, **borders),
            "border_gradient_ratio": border_gradient_ratio(values, blend.valid, **borders),
            "border_gradient_ratio_of_global_pass": seamless,
            "definitions": DEFINITIONS,
        }
        notes = {"tiling": _notes(grid, fits) | seams}
        return_freed_memory()
        return DepthMap(values=values, valid=blend.valid, kind=self.kind, confidence=confidence, notes=notes)

    def _blend_tiles(
        self, picture: NDArray[np.uint8], grid: TileGrid, reference: CellMeans, blend: Blend
    ) -> list[Fit | None]:
        """The fit of every tile; None for one that the pass replaced or has no usable pixel in common with."""
        fits: list[Fit | None] = []
        across, tops = grid.columns.weights(), grid.rows.starts_px
        for row, (top, down) in enumerate(zip(tops, grid.rows.weights(), strict=True)):
            for start in range(0, len(across), self._settings.batch_size):
                lefts = grid.columns.starts_px[start : start + self._settings.batch_size]
                for offset, (left, one) in enumerate(
                    zip(lefts, self._predict_tiles(picture, grid, top, lefts), strict=True)
                ):
                    fitted, fit = fit_tile(one, reference, top=top, left=left)
                    layers = [fitted.values] if fitted.confidence is None else [fitted.values, fitted.confidence]
                    blend.add(layers, fitted.valid, np.outer(down, across[start + offset]), at=(top, left))
                    fits.append(fit)
                    if self._on_tile is not None:
                        self._on_tile(len(fits), grid.count)
            blend.finish(tops[row + 1] if row + 1 < len(tops) else picture.shape[0])
        return fits

    def _predict_tiles(self, picture: NDArray[np.uint8], grid: TileGrid, top: int, lefts: Sequence[int]) -> list[DepthMap]:
        height, width = grid.rows.tile_px, grid.columns.tile_px
        return self._predictor.predict_batch(
            [np.ascontiguousarray(picture[top : top + height, left : left + width]) for left in lefts]
        )


def _notes(grid: TileGrid, fits: Sequence[Fit | None]) -> dict[str, object]:
    explained = [fit.explained for fit in fits if fit is not None]
    return {
        "tile_px": [grid.rows.tile_px, grid.columns.tile_px],
        "rows": len(grid.rows.starts_px),
        "columns": len(grid.columns.starts_px),
        "least_overlap": OVERLAP,
        "left_to_global_pass": len(fits) - len(explained),
        "explained_median": float(np.median(explained)) if explained else None,
    }
