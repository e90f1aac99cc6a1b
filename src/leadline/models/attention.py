# SPDX-License-Identifier: Apache-2.0
"""Queries, keys and values enter, their scaled dot-product attention leaves, by the fastest way the device has.

Shape letters: B images, h heads, N tokens, d width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

# Scores of one product, 4 MiB of 16-bit floats: about one head at 1370 tokens, so that the softmax finds them in the cache.
_PIECE = 2**21
# Scores of one layer that training may keep, 256 MiB; beyond it the fused kernel, which keeps none, is the better bargain.
_KEPT = 2**27


def attend(q_BhNd: Tensor, k_BhNd: Tensor, v_BhNd: Tensor, bias_hNN: Tensor | None = None) -> Tensor:
    """Softmax(q k^T / sqrt(d) + bias) v   (Vaswani et al. 2017, arXiv 1706.03762).  (B,h,N,d) three times -> (B,h,N,d).

    PyTorch's fused kernel, except for 16-bit floats on a CPU.  There it does not use the matrix units, and plain products
    need 44 % of its time (one Zen 5 core, 1370 tokens, forward and backward: 46 ms instead of 104).
    """
    B, heads, N, _ = q_BhNd.shape
    if bias_hNN is not None:
        return F.scaled_dot_product_attention(q_BhNd, k_BhNd, v_BhNd, attn_mask=bias_hNN.to(q_BhNd.dtype))
    plain_is_faster = q_BhNd.is_cpu and q_BhNd.dtype.itemsize == 2
    if plain_is_faster and B * heads * N * N <= _KEPT:
        return _attend_in_pieces(q_BhNd, k_BhNd, v_BhNd)
    return F.scaled_dot_product_attention(q_BhNd, k_BhNd, v_BhNd)


def _attend_in_pieces(q_BhNd: Tensor, k_BhNd: Tensor, v_BhNd: Tensor) -> Tensor:
    """Split by images, and by heads where one image is too large already, so that no product exceeds a piece or one head."""
    B, heads, N, _ = q_BhNd.shape
    at_once = max(1, _PIECE // (N * N))
    if at_once >= B * heads:
        return _attend_plainly(q_BhNd, k_BhNd, v_BhNd)
    parts, parts_of_image = -(-B // max(1, at_once // heads)), -(-heads // min(heads, at_once))
    rows = []
    for images in zip(*(one.chunk(parts) for one in (q_BhNd, k_BhNd, v_BhNd)), strict=True):
        pieces = zip(*(one.chunk(parts_of_image, dim=1) for one in images), strict=True)
        rows.append(torch.cat([_attend_plainly(*piece) for piece in pieces], dim=1))
    return torch.cat(rows)


def _attend_plainly(q_BhNd: Tensor, k_BhNd: Tensor, v_BhNd: Tensor) -> Tensor:
    scores_BhNN = (q_BhNd * q_BhNd.shape[-1] ** -0.5) @ k_BhNd.transpose(-1, -2)
    return torch.matmul(scores_BhNN.softmax(dim=-1), v_BhNd)
