# SPDX-License-Identifier: Apache-2.0
"""A picture file or tensor goes in, (H, W, 3) RGB bytes come out; a file that is no whole picture is refused by name."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from leadline.contracts.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}
)
"""File name endings, in lower case, that :func:`list_images` takes for pictures."""

BROKEN_FILE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""What Pillow raises on files that are damaged, truncated or no pictures at all."""

MAX_PIXELS = 200_000_000
"""Pictures and rasters with more pixels are refused from their header."""

_SIXTEEN_BIT_GREY = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS, apply_orientation: bool = False) -> NDArray[np.uint8]:
    """Read one picture.

    Grey and palette pictures become RGB, transparent ones are laid on black, 16-bit grey keeps its high byte, CMYK is
    converted; of animations and files of several pages the first picture counts, which is logged.

    Args:
        path: the file.
        max_pixels: larger pictures are refused from their header, before anything is decoded.  Pillow's own guard
            (``PIL.Image.MAX_IMAGE_PIXELS``, twice of which it refuses) holds as well.
        apply_orientation: turn the picture as its EXIF orientation says.  Off for training data, because depth rasters
            are registered to the stored pixels.

    Returns:
        (H, W, 3) uint8, RGB in 0..255, writable.

    Raises:
        DataError: missing, empty, truncated, corrupt, too large, or not a picture.
    """
    try:
        with open_checked(path, max_pixels=max_pixels) as image:
            _say_first_only(image, path)
            if apply_orientation:
                ImageOps.exif_transpose(image, in_place=True)  # else a copy, even of what stands upright
            return _rgb_bytes(image, path)
    except BROKEN_FILE as error:
        raise DataError(
            expected="a complete picture",
            got=f"{path} ({broken_reason(path, error)})",
            remedy="replace the file or take it out of the list",
        ) from error


def decode_image(stored: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode one picture that came as bytes, from a tar say, as ``read_image`` does with a file.

    Args:
        stored: the bytes of a picture file.
        name: what messages call it.
        max_pixels: as in ``read_image``.

    Returns:
        (H, W, 3) uint8, RGB in 0..255, writable.

    Raises:
        DataError: empty, truncated, corrupt, too large, or not a picture.
    """
    place = Path(name)
    try:
        with open_checked(place, max_pixels=max_pixels, stored=BytesIO(stored)) as image:
            _say_first_only(image, place)
            return _rgb_bytes(image, place)
    except BROKEN_FILE as error:
        what = "no picture" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
        raise DataError(
            expected="a complete picture",
            got=f"{name} ({what if stored else 'no bytes'})",
            remedy="replace the file or take it out of the list",
        ) from error


def open_checked(path: Path, *, max_pixels: int, stored: BinaryIO | None = None) -> Image.Image:
    """Open a picture with Pillow, header only, and refuse it when it holds more than ``max_pixels`` pixels.

    ``stored`` holds the bytes where they do not lie at ``path``, which then only names them.

    Raises:
        DataError: too many pixels.
        OSError: and the rest of :data:`BROKEN_FILE`, where the header cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of half of what Pillow refuses: large scans
        image = Image.open(path if stored is None else stored)
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise DataError(
            expected=f"at most {max_pixels} pixels",
            got=f"{path} with {width}x{height} = {width * height}",
            remedy="shrink the picture or raise max_pixels",
        )
    return image


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) from the header of a picture.  DataError when there is none."""
    try:
        with Image.open(path) as image:
            width, height = image.size
    except BROKEN_FILE as error:
        raise DataError(
            expected="a picture",
            got=f"{path} ({broken_reason(path, error)})",
            remedy="replace the file or take it out of the list",
        ) from error
    return height, width


def list_images(folder: Path) -> list[Path]:
    """All pictures below ``folder``, recursive, sorted by path; hidden files and folders are left out.

    Raises:
        DataError: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise DataError(expected="a folder of pictures", got=f"{folder}, which is no folder", remedy="check the path")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    visible = (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return sorted(path for path in visible if path.is_file())


def picture_from_tensor(image: Tensor) -> NDArray[np.uint8]:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8; gives back exactly the bytes a picture was read from, and clips the rest.

    >>> import torch
    >>> picture_from_tensor(torch.tensor([0.2, 1.0, 1.5]).view(3, 1, 1)).tolist()
    [[[51, 255, 255]]]
    """
    picture: NDArray[np.uint8] = (image * 255.0).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    return picture


def _say_first_only(image: Image.Image, path: Path) -> None:
    """But not of MPO, the JPEG of phones and stereo cameras, whose further pictures are previews or the other eye."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        logger.warning("%s: the first of %d frames is used", path, frames)


def _rgb_bytes(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    if image.mode in _SIXTEEN_BIT_GREY:
        return _high_byte(np.asarray(image), path)
    if image.mode == "F":
        raise DataError(
            expected="a picture of 8 or 16 bits per channel",
            got=f"{path} with floating-point pixels",
            remedy="convert it to PNG or JPEG; depth rasters are read as depth, not as pictures",
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _high_byte(grey: NDArray[np.integer], path: Path) -> NDArray[np.uint8]:
    if grey.size and (int(grey.max()) > 65535 or int(grey.min()) < 0):
        raise DataError(
            expected="grey values of at most 16 bits",
            got=f"{path} with values from {grey.min()} to {grey.max()}",
            remedy="convert the picture to 8 or 16 bits",
        )
    return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2)


def broken_reason(path: Path, error: BaseException) -> str:
    """Why ``path`` could not be read, in a few words: missing, a folder, empty, or what the decoder said in ``error``."""
    if not path.exists():
        return "no such file"
    if path.is_dir():
        return "a folder"
    if path.stat().st_size == 0:
        return "an empty file of 0 bytes"
    text = str(error).replace(repr(str(path)), "it").replace(str(path), "it")
    return text or type(error).__name__
