# SPDX-License-Identifier: Apache-2.0
"""A scene that can be checked against itself: colours say the viewing ray, depth is a plane over the rays."""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.contracts.camera import Camera
from leadline.contracts.sample import OrdinalPairs, Sample
from leadline.geometry.camera import camera_rays

PLANE = (0.9, -0.6, 4.0)  # z (1 + a x + b y) = c for the ray (x, y, 1): a slanted plane seen by the camera


def camera_for(height: int, width: int) -> Tensor:
    return torch.tensor([[0.9 * width, 0.0, 0.47 * width], [0.0, 0.9 * width, 0.55 * height], [0.0, 0.0, 1.0]])


def plane_depth(rays_3HW: Tensor) -> Tensor:
    a, b, c = PLANE
    return c / (1.0 + a * rays_3HW[0] + b * rays_3HW[1])


def colours_of(rays_3HW: Tensor) -> Tensor:
    """Red says the ray's x, green its y, as 0.5 + ray / 4; blue is constant."""
    return torch.stack([0.5 + rays_3HW[0] / 4, 0.5 + rays_3HW[1] / 4, torch.full_like(rays_3HW[0], 0.25)])


def rays_of(image_3HW: Tensor) -> Tensor:
    """Inverse of ``colours_of``: (2, H, W) x and y of the ray each pixel's colour names."""
    return (image_3HW[:2] - 0.5) * 4


def plane_sample(height: int = 60, width: int = 80, *, poisoned: bool = False) -> Sample:
    """A whole sample; with ``poisoned`` a block of depth is NaN and invalid."""
    matrix = camera_for(height, width)
    rays = camera_rays(matrix, height, width)
    depth, valid = plane_depth(rays), torch.ones(height, width, dtype=torch.bool)
    if poisoned:
        valid[height // 4 : height // 2, width // 4 : width // 2] = False
        depth = torch.where(valid, depth, torch.nan)
    pairs = OrdinalPairs(
        nearer_rc=torch.tensor([[5, 70], [30, 60], [50, 79]]),
        farther_rc=torch.tensor([[50, 6], [31, 9], [0, 0]]),
        valid=torch.tensor([True, True, True]),
    )
    return Sample(
        key="plane",
        dataset="test",
        image=colours_of(rays),
        depth=depth,
        valid=valid,
        camera=Camera(matrix=matrix),
        ordinal=pairs,
    )


def pixel_errors(sample: Sample, *, margin: int = 0) -> dict[str, float]:
    """How far, in pixels, colours and depths lie from what the sample's own camera says.  The largest over valid pixels.

    ``colour`` compares the ray named by the colour with the camera's ray; ``depth`` compares the depth with the plane, in
    units of how much the plane changes from one pixel to the next.
    """
    assert sample.camera is not None
    assert sample.depth is not None
    assert sample.valid is not None
    height, width = sample.image.shape[1:]
    rays = camera_rays(sample.camera.matrix, height, width)
    focal = torch.stack([sample.camera.matrix[0, 0], sample.camera.matrix[1, 1]])[:, None, None]
    colour = ((rays_of(sample.image) - rays[:2]) * focal).abs().amax(0)
    plane = plane_depth(rays)
    a, b, c = PLANE
    per_pixel = plane * sample.depth / c * (abs(a) / focal[0] + abs(b) / focal[1])  # exact: 1 / z is linear in the ray
    depth = torch.where(sample.valid, (sample.depth - plane).abs() / per_pixel, 0.0)
    window = (slice(margin, height - margin), slice(margin, width - margin))
    return {"colour": float(colour[window].max()), "depth": float(depth[window].max())}
