# SPDX-License-Identifier: Apache-2.0
"""Depth rasters on disk: a file goes in, its numbers come out untouched; values and a mask go in, a file comes out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.rasters.atomic import atomically
from leadline.rasters.images import BROKEN_FILE, MAX_PIXELS, broken_reason, open_checked
from leadline.rasters.portable_maps import read_pfm, read_pgm, refuse_giant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_SINGLE_CHANNEL = frozenset({"L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def read_raster(path: Path) -> NDArray[Any]:
    """Read the numbers of a single-channel raster exactly as they are stored: no scale, no mask, no rounding.

    Formats by suffix: png, tif, tiff (8, 16, 32 bits, float), pgm (binary), pfm, npy, exr (needs the extra ``exr``).

    Returns:
        (H, W) in the file's own unit and dtype: uint8, uint16, int32, float16, float32, ...; always in native byte order.

    Raises:
        DataError: missing, empty, truncated, several channels, no raster, unknown suffix, too many pixels.
        MissingExtraError: exr without OpenEXR.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            expected=f"a depth raster ending in {', '.join(sorted(_READERS))}",
            got=str(path),
            remedy="convert it, 16-bit PNG or npy",
        )
    try:
        return reader(path)
    except BROKEN_FILE as error:
        raise DataError(
            expected="a complete depth raster",
            got=f"{path} ({broken_reason(path, error)})",
            remedy="replace the file or take it out of the list",
        ) from error


def write_npy(path: Path, values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]) -> None:
    """Write (H, W) float32 values in any unit, NaN where the (H, W) mask is false.  Atomic.

    Raises:
        DataError: the two are not (H, W) of one shape.
        StorageError: the folder cannot be written.
    """
    with atomically(path) as temporary, temporary.open("wb") as file:
        np.save(file, _nan_where_invalid(values_HW, valid_HW))


def write_pfm(path: Path, values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]) -> None:
    """Write (H, W) values as little-endian PFM, rows bottom-up as the format wants, NaN where the mask is false.  Atomic.

    The unit is not recorded.

    Raises:
        DataError: values and mask are not (H, W) of one shape.
        StorageError: the folder cannot be written.
    """
    values = _nan_where_invalid(values_HW, valid_HW)
    height, width = values.shape
    with atomically(path) as temporary, temporary.open("wb") as file:
        file.write(f"Pf\n{width} {height}\n-1.0\n".encode("ascii"))
        file.write(np.ascontiguousarray(values[::-1], dtype="<f4").tobytes())


def write_png16_millimetres(path: Path, values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]) -> None:
    """Write (H, W) metres as a PNG of 16-bit millimetres, 0 where the (H, W) mask is false.  Atomic.

    What the format cannot hold (non-finite, below half a millimetre, above 65.535 m) becomes invalid, not a clamped
    number; how many pixels that were is logged as a warning.

    Raises:
        DataError: values and mask are not (H, W) of one shape.
        StorageError: the folder cannot be written.
    """
    _require_same_shape(values_HW, valid_HW)
    millimetres = np.rint(np.where(valid_HW, values_HW, np.float32(np.nan)).astype(np.float64) * 1000.0)
    holdable = (millimetres >= 1) & (millimetres <= 65535)
    lost = int(np.count_nonzero(valid_HW & ~holdable))
    if lost:
        logger.warning(
            "%s: %d pixels outside 0.001 to 65.535 m do not fit 16-bit millimetres and are marked invalid", path, lost
        )
    stored = np.where(holdable, millimetres, 0).astype(np.uint16)
    with atomically(path) as temporary:
        Image.fromarray(stored).save(temporary, format="PNG")


def write_exr(path: Path, values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]) -> None:
    """Write (H, W) values in any unit as one float32 channel ``Z``, NaN where the (H, W) mask is false.  Atomic.

    Raises:
        MissingExtraError: OpenEXR is not installed.
        DataError: the two are not (H, W) of one shape.
        StorageError: the folder cannot be written.
    """
    openexr = _openexr()
    values = np.ascontiguousarray(_nan_where_invalid(values_HW, valid_HW))
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with atomically(path) as temporary, openexr.File(header, {"Z": values}) as file:
        file.write(str(temporary))


def _nan_where_invalid(values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]) -> NDArray[np.float32]:
    _require_same_shape(values_HW, valid_HW)
    return np.where(valid_HW, values_HW, np.float32(np.nan)).astype(np.float32, copy=False)


def _require_same_shape(values_HW: NDArray[np.float32], valid_HW: NDArray[np.bool_]) -> None:
    if values_HW.ndim != 2 or values_HW.shape != valid_HW.shape:
        raise DataError(
            expected="values and validity of one shape (H, W)",
            got=f"{values_HW.shape} and {valid_HW.shape}",
            remedy="write one map at a time",
        )


def _read_with_pillow(path: Path) -> NDArray[Any]:
    with open_checked(path, max_pixels=MAX_PIXELS) as image:
        if image.mode not in _SINGLE_CHANNEL:
            raise _not_single_channel(path, f"with channels {'+'.join(image.getbands())} (mode {image.mode})")
        stored = np.array(image)
    return stored.astype(stored.dtype.newbyteorder("="), copy=False)  # big-endian 16-bit TIFF comes as it lies in the file


def _read_npy(path: Path) -> NDArray[Any]:
    # Mapped first: a header that promises too much, or more than the file holds, is refused before memory is taken.
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    refuse_giant(path, pixels=mapped.size, limit=MAX_PIXELS)
    squeezed = mapped.squeeze()
    if squeezed.ndim != 2 or squeezed.dtype.kind not in "uif":
        raise _not_single_channel(path, f"with shape {mapped.shape} of {mapped.dtype}")
    return np.array(squeezed, dtype=squeezed.dtype.newbyteorder("="))


def _read_exr(path: Path) -> NDArray[Any]:
    openexr = _openexr()
    if not path.is_file() or path.stat().st_size == 0:
        raise OSError("no content")
    try:
        with openexr.File(str(path)) as file:
            channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
    except RuntimeError as error:
        raise OSError(str(error)) from error
    wanted = [name for name in ("Z", "Y", "depth", "V") if name in channels] or (
        list(channels) if len(channels) == 1 else []
    )
    if not wanted or channels[wanted[0]].ndim != 2:
        raise _not_single_channel(path, f"with channels {', '.join(sorted(channels))}")
    return np.array(channels[wanted[0]])


def _openexr() -> ModuleType:
    try:
        import OpenEXR
    except ImportError as error:
        raise MissingExtraError(
            expected="the package OpenEXR for .exr files",
            got="no such package installed",
            remedy="pip install 'leadline[exr]', or use npy or 16-bit PNG",
        ) from error
    module: ModuleType = OpenEXR
    return module


def _not_single_channel(path: Path, got: str) -> DataError:
    return DataError(
        expected="a raster of one channel (H, W)",
        got=f"{path} {got}",
        remedy="point at the depth file, not at a picture or a coloured rendering",
    )


_READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    ".png": _read_with_pillow,
    ".tif": _read_with_pillow,
    ".tiff": _read_with_pillow,
    ".pgm": lambda path: read_pgm(path, max_pixels=MAX_PIXELS),
    ".pfm": lambda path: read_pfm(path, max_pixels=MAX_PIXELS),
    ".npy": _read_npy,
    ".exr": _read_exr,
}

RASTER_SUFFIXES: frozenset[str] = frozenset(_READERS)
"""File name endings, in lower case, that :func:`read_raster` reads."""
