# SPDX-License-Identifier: Apache-2.0
"""Canny edges and distances to them: an image of numbers enters, an edge mask and pixels of distance leave.

The edges follow scikit-image's ``feature.canny`` (float images, mode "constant") step by step, because iBims-1's boundary
errors are defined with it and with thresholds on its un-normalised Sobel magnitude; see tests for the agreement.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_GAUSSIAN_REACH = 4.0  # standard deviations after which scipy cuts the kernel
_TINY = torch.finfo(torch.float32).eps


def canny(image: Tensor, *, sigma_px: float, low: float, high: float) -> Tensor:
    """Edges of a picture (Canny 1986).

    Args:
        image: (H, W), any finite numbers.
        sigma_px: standard deviation of the smoothing.
        low, high: hysteresis thresholds on the magnitude of the 3x3 Sobel gradient (weights 1 2 1, not divided), in the
            unit of the image.

    Returns:
        (H, W) bool.

    >>> step = (torch.arange(9) >= 4).float().expand(9, 9)
    >>> canny(step, sigma_px=1.0, low=0.1, high=0.2)[4].nonzero().flatten().tolist()
    [4]
    """
    smooth = _smooth(image.double(), sigma_px)
    down, right = _sobel(smooth), _sobel(smooth.T).T
    magnitude = torch.hypot(down, right)
    crest = _is_crest(magnitude, down=down, right=right) & (magnitude >= low)
    crest[[0, -1], :] = False  # the outermost ring has no full neighbourhood and is never an edge
    crest[:, [0, -1]] = False
    return _connected_to(crest & (magnitude >= high), crest)


def truncated_distance(edges: Tensor, limit_px: int) -> Tensor:
    """Euclidean distance of each pixel to the nearest edge, at most ``limit_px``: (H, W) bool -> (H, W) float64 pixels.

    >>> truncated_distance(torch.tensor([[True, False, False, False]]), 2).tolist()
    [[0.0, 1.0, 2.0, 2.0]]
    """
    far = limit_px**2
    squared = torch.where(edges, 0, far).int()
    for dim in (0, 1):  # the squared distance is separable: lower envelope of parabolas along columns, then along rows
        padding = (0, 0, limit_px, limit_px) if dim == 0 else (limit_px, limit_px)
        padded, length = functional.pad(squared, padding, value=far), squared.shape[dim]
        for offset in range(-limit_px, limit_px + 1):
            squared = torch.minimum(squared, padded.narrow(dim, limit_px + offset, length) + offset * offset)
    return squared.double().sqrt()


def _smooth(image: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur that counts only pixels inside the picture: zeros outside, divided by the weight that fell inside."""
    reach = int(_GAUSSIAN_REACH * sigma_px + 0.5)
    offsets = torch.arange(-reach, reach + 1, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma_px).square())
    kernel = kernel / kernel.sum()
    both = torch.stack([image, torch.ones_like(image)])[:, None]
    both = functional.conv2d(both, kernel[None, None, :, None], padding=(reach, 0))
    both = functional.conv2d(both, kernel[None, None, None, :], padding=(0, reach))
    blurred, weight = both[0, 0], both[1, 0]
    return blurred / (weight + _TINY)


def _sobel(image: Tensor) -> Tensor:
    """Derivative along rows, weights (1 2 1) x (-1 0 1), borders mirrored with the edge pixel repeated."""
    kernel = image.new_tensor([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    padded = functional.pad(image[None, None], (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, kernel[None, None])[0, 0]


def _is_crest(magnitude: Tensor, *, down: Tensor, right: Tensor) -> Tensor:
    """Pixels not below the gradient's magnitude interpolated one step up and one step down the slope."""
    steep = down.abs() >= right.abs()
    along = torch.where(steep, right.abs() / down.abs().clamp(min=1e-300), down.abs() / right.abs().clamp(min=1e-300))
    same_sign = (down >= 0) == (right >= 0)
    padded = functional.pad(magnitude[None, None], (1, 1, 1, 1))[0, 0]
    height, width = magnitude.shape

    def neighbour(rows: int, columns: int) -> Tensor:
        return padded[1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]

    crest = torch.ones_like(magnitude, dtype=torch.bool)
    for side in (1, -1):
        diagonal = torch.where(same_sign, neighbour(side, side), neighbour(side, -side))
        # the same line leaves through the row neighbour where it is steep, else through the column neighbour
        across = torch.where(same_sign, neighbour(0, side), neighbour(0, -side))
        straight = torch.where(steep, neighbour(side, 0), across)
        crest &= straight * (1 - along) + diagonal * along <= magnitude
    return crest & (magnitude > 0)


def _connected_to(seeds: Tensor, allowed: Tensor) -> Tensor:
    """All ``allowed`` pixels joined to a seed through ``allowed`` pixels, diagonals included."""
    reached = seeds
    while True:
        grown = functional.max_pool2d(reached[None, None].float(), 3, stride=1, padding=1)[0, 0].bool() & allowed
        if torch.equal(grown, reached):
            return reached
        reached = grown
