# SPDX-License-Identifier: Apache-2.0
"""Two ways to a new size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from leadline.transforms.resampling import nearest_indices, resize_image, resize_nearest


def photograph(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels_last", [True, False])
def test_resize_image__of_eight_bits_equals_pillow(*, channels_last: bool) -> None:
    pixels = photograph(48, 64)
    image = torch.from_numpy(pixels).permute(2, 0, 1).float().div(255)
    image = image if channels_last else image.contiguous()
    resized = resize_image(image, 25, 34)
    pillow = np.asarray(Image.fromarray(pixels).resize((34, 25), Image.Resampling.BILINEAR))
    assert resized.shape == (3, 25, 34)
    assert resized.dtype is torch.float32
    assert float((resized * 255 - torch.from_numpy(pillow.copy()).permute(2, 0, 1)).abs().max()) <= 1.001


def test_resize_image__of_eight_bits_lies_within_a_level_of_the_exact_average() -> None:
    image = torch.from_numpy(photograph(48, 64)).permute(2, 0, 1).float().div(255)
    exact = functional.interpolate(image[None], (25, 34), mode="bilinear", antialias=True)[0]
    assert float((resize_image(image, 25, 34) - exact).abs().max()) <= 1.0 / 255.0


def test_resize_image__reads_every_eight_bit_level_exactly() -> None:
    levels = torch.arange(256, dtype=torch.float32)
    for image in (levels / 255, levels * (1 / 255), levels.double().div(255).float(), levels / 255 - 3e-8):
        resized = resize_image(image.clamp(0, 1).expand(3, 4, 256), 8, 256)
        assert torch.equal((resized * 255).round(), levels.expand(3, 8, 256))


def test_resize_image__of_a_float_picture_is_not_quantised() -> None:
    image = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))
    exact = functional.interpolate(image[None], (20, 31), mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(resize_image(image, 20, 31), exact, atol=1e-6, rtol=0)


def test_resize_image__keeps_the_mean_of_fine_stripes() -> None:
    stripes = (torch.arange(64) % 2).float().expand(3, 64, 64)
    inner = resize_image(stripes, 16, 16)[:, 2:-2, 2:-2]
    assert float((inner - 0.5).abs().max()) < 0.01  # without antialiasing these would be 0 or 1


def test_resize_image__judges_by_some_rows_and_is_never_off_by_more_than_a_level() -> None:
    image = torch.rand(3, 64, 50, generator=torch.Generator().manual_seed(0))
    image[:, :60] = 0.0
    exact = functional.interpolate(image[None], (32, 25), mode="bilinear", antialias=True)[0]
    assert float((resize_image(image, 32, 25) - exact).abs().max()) <= 1.5 / 255.0


@pytest.mark.parametrize(("height", "judged"), [(3, 3), (8, 8), (15, 15), (16, 8), (23, 12), (480, 8), (487, 9)])
def test_resize_image__judges_by_eight_to_fifteen_rows_or_all_of_fewer(height: int, judged: int) -> None:
    noticed = 0
    for row in range(height):
        image = torch.zeros(3, height, 2)
        image[:, row] = 0.5 / 255.0  # between two levels: kept only where the picture is not taken for 8 bits
        noticed += bool(resize_image(image, height, 2)[0, row, 0] == 0.5 / 255.0)
    assert noticed == judged


@settings(max_examples=100, deadline=None)
@given(old=st.integers(1, 3000), new=st.integers(1, 3000))
def test_nearest_indices__hold_the_new_centre(old: int, new: int) -> None:
    indices = nearest_indices(old, new)
    assert len(indices) == new
    # index <= (i + 0.5) * old / new < index + 1, multiplied out in whole numbers
    doubled = (2 * torch.arange(new) + 1) * old
    assert bool((indices * 2 * new <= doubled).all())
    assert bool((doubled < (indices + 1) * 2 * new).all())


def test_resize_nearest__is_symmetric_under_mirroring_for_odd_factors() -> None:
    raster = torch.arange(9.0).expand(3, 9)
    assert torch.equal(resize_nearest(raster.flip(-1), 1, 3), resize_nearest(raster, 1, 3).flip(-1))


def test_resize_nearest__keeps_the_dtype() -> None:
    for dtype in (torch.bool, torch.float32, torch.int64):
        raster = torch.tensor([[1, 0], [0, 1]]).to(dtype)
        assert torch.equal(resize_nearest(raster, 4, 2), raster.repeat_interleave(2, dim=0))
