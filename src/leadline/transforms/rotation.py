# SPDX-License-Identifier: Apache-2.0
"""A camera held slightly askew: a Sample enters, the Sample turned by a small angle in the picture plane leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from leadline.contracts.camera import Camera
from leadline.contracts.sample import Sample
from leadline.transforms.ordinal_pairs import moved_pairs

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class RandomRotation:
    """Turn by an angle uniform in +-``max_deg`` (``--rotate-deg``; ZoeDepth's training uses 1 degree)."""

    max_deg: float = 1.0

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) in [0, 1] -> the same shape and range; see ``rotate_sample``."""
        drawn = float(torch.rand((), generator=generator, dtype=torch.float64))
        return rotate_sample(sample, (2.0 * drawn - 1.0) * self.max_deg)


def rotate_sample(sample: Sample, angle_deg: float) -> Sample:
    """The sample turned clockwise about the centre of the picture, as seen on a screen.

    Turning the camera about its own axis leaves z-depth as it is.  The image is interpolated bilinearly and continued by
    its border; depth is picked at the nearest pixel and is invalid where the turned picture does not reach.  The principal
    point turns with the picture; pixels are taken as square (fx = fy), else the turned camera would have skew, which a
    ``Camera`` cannot hold.  A second view is dropped: turned pictures are no longer
    rectified; so are neighbours, whose motion would turn as well.

    Args:
        sample: image (3, H, W) float32; depth and validity (H, W).
        angle_deg: degrees.

    Returns:
        The sample with every shape and unit as it was; ``stereo`` and ``neighbours`` are None.
    """
    height, width = sample.image.shape[1:]
    turn = _turn(angle_deg)
    centre = torch.tensor([height / 2, width / 2], dtype=torch.float64)
    source_rc = (_pixel_centres(height, width) - centre) @ turn.inverse().T + centre
    depth, valid = sample.depth, sample.valid
    if depth is not None and valid is not None:
        rows, columns, inside = _nearest(source_rc, height, width)
        depth, valid = depth[rows, columns], valid[rows, columns] & inside
    pairs = sample.ordinal
    if pairs is not None:
        pairs = moved_pairs(pairs, lambda rc: (rc - centre) @ turn.T + centre, height=height, width=width)
    return replace(
        sample,
        image=_sampled_bilinear(sample.image, source_rc),
        depth=depth,
        valid=valid,
        camera=None if sample.camera is None else _turned_camera(sample.camera, turn, centre),
        stereo=None,
        neighbours=None,
        ordinal=pairs,
    )


def _turn(angle_deg: float) -> Tensor:
    """(2, 2) float64 that turns (row, column) offsets clockwise on the screen: a point to the right moves down."""
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return torch.tensor([[c, s], [-s, c]], dtype=torch.float64)


def _pixel_centres(height: int, width: int) -> Tensor:
    """(H, W, 2) float64 positions (row, column)."""
    rows, columns = torch.arange(height, dtype=torch.float64) + 0.5, torch.arange(width, dtype=torch.float64) + 0.5
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)


def _nearest(source_rc: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row and column indices (H, W), held inside the picture, and whether they were inside."""
    pixel = source_rc.floor().to(torch.int64)
    rows, columns = pixel[..., 0].clamp(0, height - 1), pixel[..., 1].clamp(0, width - 1)
    return rows, columns, (rows == pixel[..., 0]) & (columns == pixel[..., 1])


def _sampled_bilinear(image: Tensor, source_rc: Tensor) -> Tensor:
    height, width = image.shape[1:]
    size = torch.tensor([height, width], dtype=torch.float64)
    grid = (2.0 * source_rc / size - 1.0).flip(-1).to(image.dtype)
    return functional.grid_sample(image[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]


def _turned_camera(camera: Camera, turn: Tensor, centre: Tensor) -> Camera:
    matrix = camera.matrix.clone()
    principal_rc = matrix[:2, 2].flip(0).to(torch.float64)
    matrix[:2, 2] = (turn @ (principal_rc - centre) + centre).flip(0).to(matrix.dtype)
    return Camera(matrix=matrix)
