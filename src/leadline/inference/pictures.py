# SPDX-License-Identifier: Apache-2.0
"""A path, a Pillow image or an array enters, as users hand pictures over; an 8-bit RGB array leaves, or a clear refusal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from leadline.contracts.errors import DataError, UsageError
from leadline.rasters.images import BROKEN_FILE, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = str | Path | Image.Image | NDArray[np.uint8]

# An image whose file was closed before it was decoded fails on Pillow's own assertion or on a missing attribute.
_UNDECODABLE = (*BROKEN_FILE, AssertionError, AttributeError)
_REMEDIES = {
    "float": "multiply values in [0, 1] by 255 and convert to uint8",
    "wide": "convert to 8 bits first, for 16-bit pictures (x >> 8).astype('uint8')",
    "grey": "repeat a grey picture three times: np.stack([x, x, x], axis=-1)",
    "alpha": "drop the alpha channel: x[..., :3]",
    "planar": "move the channels last: x.transpose(1, 2, 0)",
    "one": "pass one picture at a time, or a list to predict_batch",
}


def as_picture(given: Picture) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) uint8 RGB in 0..255, upright.

    Args:
        given: a path; a Pillow image; or an (H, W, 3) uint8 RGB array.  An EXIF orientation in file or image is applied, so
            that up is up; arrays are taken as they are.

    Raises:
        DataError: the file, also the one a Pillow image is still to be read from, is missing, broken or no picture.
        UsageError: another type, dtype or shape.
    """
    if isinstance(given, str | Path):
        return read_image(Path(given), apply_orientation=True)
    if isinstance(given, Image.Image):
        return _decoded(given)
    if isinstance(given, np.ndarray):
        return _checked(given)
    raise _refusal(f"a {type(given).__module__}.{type(given).__name__}", "pass a path, a Pillow image or a NumPy array")


def _decoded(image: Image.Image) -> NDArray[np.uint8]:
    """Pillow opens a file by its header; damage further on shows itself only here."""
    try:
        return _from_pillow(image)
    except _UNDECODABLE as error:
        raise DataError(
            expected="a complete picture",
            got=f"{getattr(image, 'filename', '') or 'a Pillow image'} ({str(error) or 'closed before it was read'})",
            remedy="replace the file or take it out of the list",
        ) from error


def _from_pillow(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        raise _refusal(f"a Pillow image of mode {image.mode}", _REMEDIES["wide"])
    if 0 in image.size:
        raise _refusal(f"a Pillow image of {image.width}x{image.height} pixels", "check how the picture was read")
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return np.array(upright.convert("RGB"))


def _checked(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    described = f"an array of shape {array.shape} and dtype {array.dtype}"
    if array.ndim == 3 and array.shape[-1] == 3 and array.size and array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.ndim == 4:
        raise _refusal(described, _REMEDIES["one"])
    if array.ndim == 2 or array.shape[-1:] == (1,):
        raise _refusal(described, _REMEDIES["grey"])
    if array.ndim == 3 and array.shape[-1] == 4:
        raise _refusal(described, _REMEDIES["alpha"])
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[-1] != 3:
        raise _refusal(described, _REMEDIES["planar"])
    if array.dtype.kind == "f":
        raise _refusal(described, _REMEDIES["float"])
    if array.dtype != np.uint8:
        raise _refusal(described, _REMEDIES["wide"])
    raise _refusal(described, "check how the picture was read")


def _refusal(got: str, remedy: str) -> UsageError:
    return UsageError(expected="a path, a Pillow image or an (H, W, 3) uint8 RGB array", got=got, remedy=remedy)
