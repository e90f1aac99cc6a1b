# SPDX-License-Identifier: Apache-2.0
"""Edges and distances: scikit-image's own answers, hand pictures, and brute force."""

import hashlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.evaluation.edges import canny, truncated_distance


def noise(seed: int, height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((height, width)))


# Number of edge pixels and SHA-256 of the packed mask, from scikit-image 0.26 feature.canny(float64, sigma=sqrt 2, .15, .3)
SCIKIT_IMAGE = {(0, 60, 80): (1375, "b03ef25424494949"), (1, 120, 160): (5936, "1e20a5be99b54cd4")}


@pytest.mark.parametrize("picture", SCIKIT_IMAGE)
def test_canny__equals_scikit_image_pixel_for_pixel(picture: tuple[int, int, int]) -> None:
    edges = canny(noise(*picture), sigma_px=math.sqrt(2), low=0.15, high=0.3)
    digest = hashlib.sha256(np.packbits(edges.numpy()).tobytes()).hexdigest()[:16]
    assert (int(edges.sum()), digest) == SCIKIT_IMAGE[picture]


def test_canny__finds_one_line_at_a_step() -> None:
    image = torch.zeros(20, 30)
    image[:, 15:] = 1.0
    edges = canny(image, sigma_px=1.0, low=0.5, high=1.0)
    assert edges[1:-1].any(dim=1).all()
    assert set(edges.nonzero()[:, 1].tolist()) <= {14, 15}
    assert not edges[[0, -1]].any()


def test_canny__weak_edges_live_only_beside_strong_ones() -> None:
    image = torch.zeros(40, 40)
    image[5:15, 5:15], image[25:35, 25:35] = 1.0, 0.2
    image[5:15, 15:25] = 0.8  # a weak step that touches a strong outline
    edges = canny(image, sigma_px=1.0, low=0.3, high=2.0)
    assert edges[5:15, 13:17].any()
    assert not edges[20:, 20:].any()


def test_canny__of_a_constant_is_empty() -> None:
    assert not canny(torch.full((9, 9), 3.0), sigma_px=math.sqrt(2), low=0.15, high=0.3).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.floats(0.0, 0.2), limit=st.integers(1, 12))
def test_truncated_distance__equals_brute_force(seed: int, share: float, limit: int) -> None:
    edges = torch.rand(13, 17, generator=torch.Generator().manual_seed(seed)) < share
    pixels = torch.cartesian_prod(torch.arange(13), torch.arange(17)).double()
    points = edges.nonzero().double()
    nearest = torch.cdist(pixels, points).amin(dim=1) if len(points) else torch.full((221,), torch.inf)
    torch.testing.assert_close(truncated_distance(edges, limit), nearest.clamp(max=limit).double().reshape(13, 17))
