# SPDX-License-Identifier: Apache-2.0
"""Pictures of every mode come out as RGB bytes; anything that is not a whole picture is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.contracts.errors import DataError
from leadline.rasters.images import decode_image, image_size, list_images, picture_from_tensor, read_image

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def saved(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


def test_read_image__returns_rgb_bytes_untouched(tmp_path: Path) -> None:
    read = read_image(saved(tmp_path / "a.png", Image.fromarray(NOISE)))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, NOISE)
    assert read.flags.writeable


def test_read_image__repeats_grey(tmp_path: Path) -> None:
    read = read_image(saved(tmp_path / "a.png", Image.fromarray(NOISE[..., 0])))
    np.testing.assert_array_equal(read, NOISE[..., :1].repeat(3, axis=2))


def test_read_image__looks_up_the_palette(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 210, 220])
    picture.putdata([1, 0])
    np.testing.assert_array_equal(read_image(saved(tmp_path / "a.png", picture)), [[[200, 210, 220], [10, 20, 30]]])


def test_read_image__lays_transparency_on_black(tmp_path: Path) -> None:
    rgba = np.array([[[200, 100, 50, 255], [200, 100, 50, 0]]], np.uint8)
    np.testing.assert_array_equal(
        read_image(saved(tmp_path / "a.png", Image.fromarray(rgba))), [[[200, 100, 50], [0, 0, 0]]]
    )


def test_read_image__keeps_the_high_byte_of_16_bit_grey(tmp_path: Path) -> None:
    grey = np.array([[0, 255, 256, 65535, 0x1234]], np.uint16)
    read = read_image(saved(tmp_path / "a.png", Image.fromarray(grey)))
    np.testing.assert_array_equal(read[0, :, 1], [0, 0, 1, 255, 0x12])


def test_read_image__converts_cmyk(tmp_path: Path) -> None:
    read = read_image(saved(tmp_path / "a.tif", Image.new("CMYK", (3, 2), (0, 255, 255, 0))))
    assert read.shape == (2, 3, 3)
    assert read[0, 0, 0] > 250
    assert read[0, 0, 1] < 5


def test_read_image__refuses_float_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="floating-point"):
        read_image(saved(tmp_path / "a.tif", Image.fromarray(np.ones((2, 2), np.float32))))


def test_read_image__refuses_32_bit_grey_that_needs_more_than_16(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at most 16 bits"):
        read_image(saved(tmp_path / "a.tif", Image.fromarray(np.full((2, 2), 70000, np.int32))))


def test_read_image__turns_by_exif_only_when_asked(tmp_path: Path) -> None:
    picture, exif = Image.fromarray(NOISE), Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    picture.save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png").shape == (40, 60, 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", apply_orientation=True), np.rot90(NOISE, -1))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("kept", [0.0, 0.002, 0.5, 0.9])
def test_read_image__refuses_truncated_files(tmp_path: Path, suffix: str, kept: float) -> None:
    path = saved(tmp_path / f"whole{suffix}", Image.fromarray(NOISE))
    stored = path.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(stored[: int(len(stored) * kept)])
    with pytest.raises(DataError, match=f"cut{suffix}") as caught:
        read_image(cut)
    assert kept or "0 bytes" in str(caught.value)


def test_read_image__refuses_a_damaged_png(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(NOISE))
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 0xFF
    path.write_bytes(bytes(stored))
    with pytest.raises(DataError, match=r"a\.png"):
        read_image(path)


def test_read_image__names_a_missing_file_and_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture, but long enough to look at")
    for path, reason in (
        (tmp_path / "gone.jpg", "no such file"),
        (tmp_path, "a folder"),
        (tmp_path / "text.jpg", "identify"),
    ):
        with pytest.raises(DataError, match=reason):
            read_image(path)


def test_read_image__refuses_a_giant_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", Image.new("L", (400, 300)))
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(DataError, match="400x300 = 120000"):
        read_image(path, max_pixels=119_999)


def test_read_image__refuses_what_pillow_calls_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", Image.new("L", (400, 300)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match="decompression bomb"):
        read_image(path)


def test_read_image__takes_large_scans_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    path = saved(tmp_path / "a.png", Image.new("L", (400, 300)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)  # warns above it, refuses above twice as much
    assert read_image(path).shape == (300, 400, 3)
    assert not recwarn.list


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_read_image__takes_the_first_frame_and_says_so(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, path = Image.new("RGB", (6, 4), (200, 10, 10)), tmp_path / f"a{suffix}"
    first.save(path, save_all=True, append_images=[Image.new("RGB", (6, 4), (10, g, 200)) for g in (10, 250)])
    np.testing.assert_allclose(read_image(path)[2, 2], [200, 10, 10], atol=6)
    assert [record.getMessage() for record in caplog.records] == [f"{path}: the first of 3 frames is used"]


def test_read_image__says_nothing_of_still_pictures_and_of_phones(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_image(saved(tmp_path / "a.png", Image.fromarray(NOISE)))
    Image.fromarray(NOISE).save(tmp_path / "a.mpo", save_all=True, append_images=[Image.fromarray(NOISE)])
    (tmp_path / "a.mpo").rename(tmp_path / "b.jpg")
    assert read_image(tmp_path / "b.jpg").shape == NOISE.shape
    assert not caplog.records


def test_image_size__is_height_then_width(tmp_path: Path) -> None:
    assert image_size(saved(tmp_path / "a.png", Image.fromarray(NOISE))) == (40, 60)
    with pytest.raises(DataError, match="no such file"):
        image_size(tmp_path / "gone.png")


def test_list_images__is_sorted_recursive_and_skips_hidden(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.png", "a.webp", ".hidden/3.png", "b/.4.png", "notes.txt", "c.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == ["a.webp", "b/1.png", "b/2.JPG"]


def test_list_images__refuses_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        list_images(tmp_path / "gone")


def test_picture_from_tensor__gives_back_every_byte() -> None:
    every = torch.arange(256).repeat(3, 2, 1)
    every[1] = every[1].flip(-1)
    picture = picture_from_tensor(every.float() / 255)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    np.testing.assert_array_equal(picture, every.permute(1, 2, 0).numpy())


def test_picture_from_tensor__clips_what_is_outside_and_rounds_to_the_nearest() -> None:
    values = torch.tensor([-0.5, 1.2, 100.7 / 255]).view(3, 1, 1)
    assert picture_from_tensor(values).tolist() == [[[0, 255, 101]]]


def test_decode_image__reads_bytes_as_read_image_reads_the_file(tmp_path: Path) -> None:
    for mode, suffix in (("RGB", "png"), ("L", "jpg"), ("P", "gif"), ("I;16", "png")):
        path = tmp_path / f"a.{suffix}"
        Image.new(mode, (5, 4), 7 if mode != "RGB" else (1, 2, 3)).save(path)
        assert np.array_equal(decode_image(path.read_bytes(), "a"), read_image(path))


def test_decode_image__refuses_what_is_no_whole_picture_by_its_name(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.jpg")
    stored = (tmp_path / "a.jpg").read_bytes()
    for bad, said in ((b"", "no bytes"), (b"text", "no picture"), (stored[:-900], "truncated")):
        with pytest.raises(DataError, match=rf"a complete picture; got x/1\.jpg \(.*{said}"):
            decode_image(bad, "x/1.jpg")
    with pytest.raises(DataError, match=r"at most 9 pixels; got x/1\.jpg with 64x64"):
        decode_image(stored, "x/1.jpg", max_pixels=9)
