# SPDX-License-Identifier: Apache-2.0
"""A learned square grid of position embeddings enters, the same embeddings resampled to another grid leave.

The rule is DINOv2's (facebookresearch/dinov2, vision_transformer.py, interpolate_pos_encoding): bicubic with a = -0.75,
clamped borders, no antialias, and sampling coordinates from the scale factor (target + 0.1) / native, not target / native.
Bicubic resampling is linear and separable, so each axis is one small matrix: it depends on sizes alone, is cached, and its
gradient is deterministic on every device.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from leadline.models.config import PositionRule

if TYPE_CHECKING:
    from torch import Tensor

CUBIC_A = -0.75  # the constant of PyTorch's and OpenCV's bicubic kernel
_OFFSET = 0.1  # DINOv2's interpolate_offset, there against rounding, here because the weights were trained with it


def resample_positions(grid_NND: Tensor, height: int, width: int, rule: PositionRule) -> Tensor:
    """Resample an (N, N, D) grid, no unit, to (height, width, D) in float32; returned untouched where the sizes agree.

    "official" resamples both axes as soon as one differs from N, because its scale factor is never exactly 1; "size" samples
    by target / native and so leaves an axis of N untouched.
    """
    native = grid_NND.shape[0]
    if torch.compiler.is_exporting():  # sizes may be symbols here, of which no Python branch can be taken
        rows, columns = _traced_matrices(native, height, width, rule)
        return torch.einsum("xj,yjd->yxd", columns, torch.einsum("yi,ijd->yjd", rows, grid_NND.float()))
    if height == native and width == native:
        return grid_NND
    offset = _OFFSET if rule == "official" else 0.0
    with torch.autocast(grid_NND.device.type, enabled=False):
        rows = bicubic_matrix(native, height, (height + offset) / native, grid_NND.device)
        columns = bicubic_matrix(native, width, (width + offset) / native, grid_NND.device)
        resampled = torch.einsum("yi,ijd->yjd", rows, grid_NND.float())
        return torch.einsum("xj,yjd->yxd", columns, resampled)


@lru_cache(maxsize=128)
def bicubic_matrix(native: int, target: int, scale: float, device: torch.device) -> Tensor:
    """Weights of bicubic sampling (Keys 1981) at (i + 0.5) / scale - 0.5, borders clamped.

    Sizes in pixels -> (target, native) float32, no unit.
    """
    # A tensor born in inference mode could never be used in training, and this one outlives the call.
    with torch.inference_mode(mode=False), torch.no_grad():
        # Rounded once to float32, as the fused multiply-add of PyTorch's kernel does: that rounding is part of the numbers.
        position = ((torch.arange(target) + 0.5).double() * float(torch.tensor(1.0 / scale)) - 0.5).float()
        left = position.floor()
        matrix = torch.zeros(target, native)
        for step in (-1, 0, 1, 2):
            column = (left + step).clamp(0, native - 1).long()
            matrix.scatter_add_(1, column[:, None], _cubic(position - left - step)[:, None])
        return matrix.to(device)


def _traced_matrices(native: int, height: int, width: int, rule: PositionRule) -> tuple[Tensor, Tensor]:
    """The two matrices of ``resample_positions`` as operations of a graph: identities where both sizes are ``native``."""
    places = [torch.arange(target, dtype=torch.float64) for target in (height, width)]
    targets = [place[-1] + 1 for place in places]
    untouched = (targets[0] == native) & (targets[1] == native)
    offset = torch.where(untouched, 0.0, _OFFSET if rule == "official" else 0.0).double()
    columns = torch.arange(native)
    matrices = []
    for place, target in zip(places, targets, strict=True):
        inverse_scale = (1.0 / ((target + offset) / native)).float().double()  # rounded where bicubic_matrix rounds
        position = ((place + 0.5) * inverse_scale - 0.5).float()
        left = position.floor()
        taps = [
            _cubic(position - left - step)[:, None] * ((left + step).clamp(0, native - 1)[:, None] == columns)
            for step in (-1, 0, 1, 2)
        ]
        matrices.append(torch.stack(taps).sum(dim=0))
    return matrices[0], matrices[1]


def _cubic(distance: Tensor) -> Tensor:
    """Keys' cubic convolution kernel (Keys 1981), zero beyond distance 2."""
    x = distance.abs()
    near = ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1
    far = ((CUBIC_A * x - 5 * CUBIC_A) * x + 8 * CUBIC_A) * x - 4 * CUBIC_A
    return torch.where(x <= 1, near, far)
