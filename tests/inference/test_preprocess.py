# SPDX-License-Identifier: Apache-2.0
"""What the network sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from leadline.contracts.errors import DataError, UsageError
from leadline.inference.preprocess import PreprocessSettings, network_input, network_size
from leadline.models.config import Interpolation
from leadline.models.normalisation import IMAGENET, Normalisation
from tests.reference_photo import photo
from tests.shared_paths import shared

PLAIN = Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def test_network_size__equals_the_official_rule_at_every_stored_size() -> None:
    with np.load(shared("fixtures/infer_image_sizes.npz")) as stored:
        for side, height, width, new_height, new_width in stored["rows"].tolist():
            got = network_size(height, width, PreprocessSettings(input_size=side))
            assert got == (new_height, new_width), (side, height, width)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 640), (518, 686)),
        ((375, 1242), (518, 1722)),
        ((1080, 1920), (518, 924)),
        ((100, 1000), (518, 5180)),
        ((1, 1), (518, 518)),
    ],
)
def test_network_size__of_common_pictures(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert network_size(*size, PreprocessSettings()) == expected


@given(
    height=st.integers(1, 5000), width=st.integers(1, 5000), side=st.integers(14, 800), multiple=st.sampled_from([1, 14, 32])
)
def test_network_size__covers_the_side_in_multiples_and_nearly_keeps_the_aspect(
    height: int, width: int, side: int, multiple: int
) -> None:
    settings = PreprocessSettings(input_size=side, multiple=multiple)
    try:
        new = network_size(height, width, settings)
    except DataError:
        assert max(height, width) / min(height, width) > 20
        return
    factor = max(side / height, side / width)
    assert all(n % multiple == 0 and n >= side for n in new)
    assert all(abs(n - factor * old) < multiple for n, old in zip(new, (height, width), strict=True))


def test_network_size__squashes_when_told_to() -> None:
    settings = PreprocessSettings(input_size=384, keep_aspect=False)
    assert network_size(480, 640, settings) == (392, 392)


def test_network_size__refuses_what_would_not_fit_into_memory() -> None:
    with pytest.raises(DataError, match="crop it"):
        network_size(1, 5000, PreprocessSettings())


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_network_size__refuses_a_picture_without_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=f"at least one pixel; got {size[0]}x{size[1]}"):
        network_size(*size, PreprocessSettings())
    with pytest.raises(DataError, match="at least one pixel"):
        network_input(np.zeros((*size, 3), np.uint8), PreprocessSettings(), IMAGENET)


def test_settings__refuse_an_input_size_of_nothing() -> None:
    with pytest.raises(UsageError, match="at least one pixel"):
        PreprocessSettings(input_size=0)


def test_settings__refuse_an_unknown_interpolation() -> None:
    with pytest.raises(UsageError, match="cubic, bilinear, antialiased; got 'nearest'"):
        PreprocessSettings(interpolation="nearest")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "seed", "side"),
    [((480, 640), 201, 518), ((375, 1242), 202, 518), ((300, 400), 203, 518), ((300, 400), 203, 252)],
)
def test_network_input__equals_the_official_tensor(size: tuple[int, int], seed: int, side: int) -> None:
    name = f"{size[0]}x{size[1]}@{side}"
    picture_bgr = photo(*size, seed)
    with np.load(shared("fixtures/infer_image.npz")) as stored:
        reference = {key.removeprefix(name + "."): stored[key] for key in stored.files if key.startswith(name)}
    assert (picture_bgr[::16, ::16] == reference["image_sample"]).all()
    image = network_input(picture_bgr[:, :, ::-1].copy(), PreprocessSettings(input_size=side), IMAGENET)[None]
    assert image.shape == tuple(reference["tensor_shape"])
    stats = np.array([float(image.min()), float(image.max()), float(image.mean()), float(image.std(correction=0))])
    np.testing.assert_allclose(image[..., ::14, ::14], reference["tensor_s14"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(image[..., :6, :6], reference["tensor_corner"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(stats, reference["tensor_stats"], atol=1e-4, rtol=0)


def test_network_input__is_rgb_normalised_with_the_models_own_numbers() -> None:
    picture = np.zeros((14, 14, 3), np.uint8)
    picture[..., 0] = 255
    normalisation = Normalisation(mean=(0.5, 0.25, 0.0), std=(0.5, 0.5, 2.0))
    image = network_input(picture, PreprocessSettings(input_size=14), normalisation)
    assert image[:, 3, 3].tolist() == [1.0, -0.5, 0.0]
    assert image.dtype is torch.float32


def test_network_input__cubic_overshoots_and_is_not_clipped() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:, 10:] = 255
    image = network_input(picture, PreprocessSettings(input_size=42), PLAIN)
    assert float(image.max()) > 1.02
    assert float(image.min()) < -0.02


def test_network_input__bilinear_aligns_corners_and_averages_nothing_as_midas_does() -> None:
    picture = np.zeros((3, 3, 3), np.uint8)
    picture[:, :, 0] = [0, 100, 255]
    settings = PreprocessSettings(input_size=5, multiple=5, interpolation="bilinear")
    red = network_input(picture, settings, PLAIN)[0] * 255
    np.testing.assert_allclose(red, np.tile([0, 50, 100, 177.5, 255], (5, 1)), atol=1e-4)
    thin = np.zeros((4, 12, 3), np.uint8)
    thin[:, 1] = 255  # between the columns that are picked: an average would keep a trace of it
    settings = PreprocessSettings(input_size=2, multiple=1, interpolation="bilinear")
    assert float(network_input(thin, settings, PLAIN)[:, :, 1:].max()) == 0.0


def test_network_input__antialiased_equals_pillow() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    image = network_input(picture, PreprocessSettings(input_size=42, interpolation="antialiased"), PLAIN)
    pillow = np.asarray(Image.fromarray(picture).resize((56, 42), Image.Resampling.BILINEAR))
    assert image.shape == (3, 42, 56)
    assert float((image * 255 - torch.from_numpy(pillow.copy()).permute(2, 0, 1)).abs().max()) <= 1.001


def test_network_input__at_the_right_size_is_the_picture_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (28, 42, 3), dtype=np.uint8)
    image = network_input(picture, PreprocessSettings(input_size=28), PLAIN)
    assert torch.equal((image * 255).round().to(torch.uint8).permute(1, 2, 0), torch.from_numpy(picture))


def test_network_input__accepts_a_reversed_view_of_a_bgr_picture() -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    rgb = bgr[..., ::-1]
    seen = network_input(rgb, PreprocessSettings(input_size=42), IMAGENET)
    assert torch.equal(seen, network_input(rgb.copy(), PreprocessSettings(input_size=42), IMAGENET))


@pytest.mark.parametrize("interpolation", ["cubic", "bilinear", "antialiased"])
@pytest.mark.parametrize("side", [28, 70])
def test_network_input__of_large_pictures_is_the_same_to_the_last_bit(
    interpolation: Interpolation, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (70, 91, 3), dtype=np.uint8)
    settings = PreprocessSettings(input_size=side, interpolation=interpolation, multiple=7)
    together = network_input(picture, settings, IMAGENET)
    monkeypatch.setattr("leadline.inference.preprocess._PIXELS_AT_ONCE", 1)
    assert torch.equal(network_input(picture, settings, IMAGENET), together)
