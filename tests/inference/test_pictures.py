# SPDX-License-Identifier: Apache-2.0
"""The ways a user hands over a picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.errors import DataError, UsageError
from leadline.inference.pictures import as_picture


def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_as_picture__path_pillow_and_array_give_the_same(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(pixels()), pixels()):
        assert (as_picture(given) == pixels()).all()


def test_as_picture__turns_pictures_upright_from_file_and_from_pillow(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(pixels()).save(tmp_path / "a.png", exif=exif)
    upright = np.rot90(pixels(), -1)
    assert (as_picture(tmp_path / "a.png") == upright).all()
    with Image.open(tmp_path / "a.png") as opened:
        assert (as_picture(opened) == upright).all()


def test_as_picture__lays_transparent_pillow_images_on_black_and_spreads_grey() -> None:
    clear = Image.new("RGBA", (2, 1), (200, 100, 50, 0))
    assert (as_picture(clear) == 0).all()
    assert as_picture(Image.new("L", (2, 1), 9)).tolist() == [[[9, 9, 9], [9, 9, 9]]]


def test_as_picture__takes_reversed_and_sliced_arrays() -> None:
    assert as_picture(pixels()[:, :, ::-1]).flags["C_CONTIGUOUS"]
    assert (as_picture(pixels()[::2, ::-1]) == pixels()[::2, ::-1]).all()


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (np.zeros((4, 5, 3), np.float32), "multiply values"),
        (np.zeros((4, 5, 3), np.uint16), "convert to 8 bits"),
        (np.zeros((4, 5, 3), bool), "convert to 8 bits"),
        (np.zeros((4, 5), np.uint8), "three times"),
        (np.zeros((4, 5, 1), np.uint8), "three times"),
        (np.zeros((4, 5, 4), np.uint8), "alpha"),
        (np.zeros((3, 4, 5), np.uint8), "channels last"),
        (np.zeros((2, 4, 5, 3), np.uint8), "predict_batch"),
        (np.zeros((0, 5, 3), np.uint8), "how the picture was read"),
        (np.zeros((4, 5, 2), np.uint8), "how the picture was read"),
        (Image.new("F", (2, 2)), "8 bits"),
        (Image.new("I;16", (2, 2)), "8 bits"),
        (Image.new("RGB", (0, 5)), "how the picture was read"),
        (Image.new("L", (5, 0)), "how the picture was read"),
        (torch.zeros(3, 4, 5), "NumPy array"),
        (None, "NumPy array"),
        (b"bytes", "NumPy array"),
    ],
)
def test_as_picture__refuses_anything_else_with_its_remedy(given: object, remedy: str) -> None:
    with pytest.raises(UsageError, match=remedy) as refusal:
        as_picture(given)  # type: ignore[arg-type]
    assert "uint8 RGB" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_as_picture__names_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    for path in (tmp_path / "a.jpg", tmp_path / "missing.jpg"):
        with pytest.raises(DataError, match=path.name):
            as_picture(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.bmp"])
def test_as_picture__names_a_truncated_file_that_pillow_has_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.effect_noise((60, 50), 90).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:-800])
    with Image.open(path) as opened, pytest.raises(DataError, match=f"{name} .*replace the file"):
        as_picture(opened)


def test_as_picture__refuses_a_pillow_image_that_was_closed(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        pass
    with pytest.raises(DataError, match=r"a\.png .*closed before"):
        as_picture(opened)


def png_of_16_bits(levels: NDArray[np.uint16], colour_type: int) -> bytes:
    """A PNG file, which Pillow itself writes only in 16-bit grey."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = levels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_as_picture__takes_16_bits_per_colour_with_and_without_alpha(tmp_path: Path) -> None:
    wide = pixels().astype(np.uint16) * 257
    opaque = np.full((5, 7, 1), 65535, np.uint16)
    (tmp_path / "rgb.png").write_bytes(png_of_16_bits(wide, 2))
    (tmp_path / "rgba.png").write_bytes(png_of_16_bits(np.concatenate([wide, opaque], axis=2), 6))
    (tmp_path / "la.png").write_bytes(png_of_16_bits(np.concatenate([wide[..., :1], opaque], axis=2), 4))
    assert (as_picture(tmp_path / "rgb.png") == pixels()).all()
    assert (as_picture(tmp_path / "rgba.png") == pixels()).all()
    assert (as_picture(tmp_path / "la.png") == pixels()[..., :1]).all()


@pytest.mark.parametrize("name", ["cmyk.jpg", "cmyk.tif", "ycbcr.jpg", "palette.png", "palette.gif", "la.png", "bits.png"])
def test_as_picture__reads_every_way_to_store_a_grey(tmp_path: Path, name: str) -> None:
    grey = Image.new("RGB", (8, 8), (255, 255, 255))
    mode = {"cmyk": "CMYK", "ycbcr": "YCbCr", "palette": "P", "la": "LA", "bits": "1"}[name.split(".")[0]]
    grey.convert(mode).save(tmp_path / name)
    assert as_picture(tmp_path / name).min() >= 254


def test_as_picture__a_transparent_colour_of_a_palette_is_black(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([250, 250, 250, 90, 80, 70])
    image.putdata([0, 1])
    image.save(tmp_path / "a.png", transparency=0)
    assert as_picture(tmp_path / "a.png").tolist() == [[[0, 0, 0], [90, 80, 70]]]


@pytest.mark.parametrize("size", [(1, 1), (10000, 1), (1, 10000)])
def test_as_picture__takes_any_number_of_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, (9, 8, 7)).save(tmp_path / "a.png")
    assert as_picture(tmp_path / "a.png").shape == (size[1], size[0], 3)
