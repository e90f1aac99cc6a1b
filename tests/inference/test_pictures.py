# SPDX-License-Identifier: Apache-2.0
"""The ways a user hands over a picture."""

from __future__ import annotations

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
