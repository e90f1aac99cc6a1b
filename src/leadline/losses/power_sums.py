# SPDX-License-Identifier: Apache-2.0
"""Embeddings and directions enter, sums over samples of cos(k * spacing * x) and sin(k * spacing * x) leave.

Equally spaced angles are powers of one turn of the unit circle, so a projection x costs one cosine, one sine and a product
per power.  Directions come in blocks, and the backward pass computes their projections again: what is held at a time grows
neither with their number nor with that of the powers.

Legend of suffixes: V views, N samples, S = V * N, D dimensions, M directions (m: of one block), K powers, 2 cosine and sine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CPU_BLOCK_PER_THREAD = 2**17  # projections of 20 bytes each; smaller ones make threads wait for one another too often
_BLOCK = 2**21  # elsewhere: enough work for each kernel in 40 MiB


def power_sums(embeddings_VND: Tensor, directions_DM: Tensor, *, spacing: float, powers: int, at_once: int = 0) -> Tensor:
    """Sums over samples of the powers 0 to K-1 of exp(i * spacing * x), x being the projections on the directions.

    The gradient reaches the embeddings only, and can be taken once.

    Args:
        embeddings_VND: (V,N,D) float32 or float64; computed in that type, also under autocast.
        directions_DM: (D,M) of the same type.
        spacing: angle per unit of x, in radians.
        powers: K.
        at_once: directions that are held at a time; 0 fills a block that suits the device.

    Returns:
        (V,M,K,2): cosines and sines, in the type of the embeddings.

    >>> power_sums(torch.tensor([[[1.0], [-1.0]]]), torch.ones(1, 1), spacing=torch.pi, powers=3)[0, 0, :, 0].tolist()
    [2.0, -2.0, 2.0]
    """
    on_cpu = embeddings_VND.device.type == "cpu"
    block = _CPU_BLOCK_PER_THREAD * torch.get_num_threads() if on_cpu else _BLOCK
    samples = embeddings_VND.shape[0] * embeddings_VND.shape[1]
    at_once = at_once or max(1, block // max(1, samples))
    sums_VMK2: Tensor = _PowerSums.apply(embeddings_VND, directions_DM, spacing, powers, at_once)
    return sums_VMK2


class _PowerSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, embeddings_VND: Tensor, directions_DM: Tensor, spacing: float, powers: int, at_once: int
    ) -> Tensor:
        ctx.save_for_backward(embeddings_VND, directions_DM)
        ctx.spacing, ctx.at_once = spacing, at_once
        V, N, _ = embeddings_VND.shape
        sums_VMK2 = embeddings_VND.new_empty(V, directions_DM.shape[1], powers, 2)
        sums_MVK = torch.view_as_complex(sums_VMK2).transpose(0, 1)
        sums_MVK[..., 0] = N
        turns = _turns(embeddings_VND, directions_DM, spacing, at_once)
        for (_, turn_mVN), sums_mVK in zip(turns, torch.split(sums_MVK, at_once), strict=True):
            power_mVN = turn_mVN.clone()
            for k in range(1, powers):
                sums_mVK[..., k] = power_mVN.sum(-1)
                power_mVN *= turn_mVN
        return sums_VMK2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_VMK2: Tensor) -> tuple[Tensor, None, None, None, None]:
        """Horner's rule: with c and s the slopes, d/dx is the real part of the sum of k * spacing * (s + ic) * turn^k."""
        embeddings_VND, directions_DM = ctx.saved_tensors
        powers = slope_VMK2.shape[2]
        order_K = ctx.spacing * torch.arange(powers, device=slope_VMK2.device, dtype=slope_VMK2.dtype)
        slope_MVK = (torch.complex(slope_VMK2[..., 1], slope_VMK2[..., 0]) * order_K).transpose(0, 1)
        found_SD = torch.zeros_like(embeddings_VND).flatten(0, 1)
        turns = _turns(embeddings_VND, directions_DM, ctx.spacing, ctx.at_once)
        for (block_Dm, turn_mVN), slope_mVK in zip(turns, torch.split(slope_MVK, ctx.at_once), strict=True):
            total_mVN = torch.zeros_like(turn_mVN)
            for k in range(powers - 1, 0, -1):
                total_mVN += slope_mVK[..., k, None]
                total_mVN *= turn_mVN
            found_SD.addmm_(total_mVN.real.flatten(1).T, block_Dm.T)  # in place, which autocast leaves alone
        return found_SD.view_as(embeddings_VND), None, None, None, None


def _turns(embeddings_VND: Tensor, directions_DM: Tensor, spacing: float, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Block by block: directions (D,m), and exp(i * spacing * x) of the projections on them, (m,V,N) complex."""
    for block_Dm in torch.split(directions_DM, at_once, dim=1):
        with torch.autocast(embeddings_VND.device.type, enabled=False):
            angle_mS = (block_Dm.T * spacing) @ embeddings_VND.flatten(0, 1).T
        yield block_Dm, torch.complex(angle_mS.cos(), angle_mS.sin()).view(len(angle_mS), *embeddings_VND.shape[:2])
