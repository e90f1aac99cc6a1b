# SPDX-License-Identifier: Apache-2.0
"""Swin transformer (Liu et al. 2021, arXiv 2103.14030) as dense tasks use it: images enter, four normalised maps leave.

timm's shifts a map before it pads it, so that windows at the border of any map that is no multiple of 7 mix its two ends;
here the map is padded first, as the authors do it.  Module names are those of the authors' files.
Shape letters: B images, H W map pixels, C width, G windows of a map, N = 49 tokens of a window, D = C / heads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.geometry.multiples import ceil_division
from leadline.models.recomputation import recomputed
from leadline.models.stereo.encoder_config import BaseStride, SwinSize

WINDOW = 7
_SHIFT = WINDOW // 2
_APART = -100.0  # added to the logit of two tokens that are no neighbours, as in the authors' code
_Sizes = ParamSpec("_Sizes")
_PATCH = 4  # side of the embedding's kernel, whatever its stride


class WindowAttention(nn.Module):
    """Self-attention inside windows of 7x7 tokens, with a learned bias for each relative position."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, windows: Tensor, apart: Tensor | None) -> Tensor:
        """(B*G,N,C), and (G,N,N) what is added to their logits or None -> (B*G,N,C), no unit."""
        bias = self.relative_position_bias_table[_kept(_relative_positions)(windows.device)].permute(2, 0, 1)[None]
        if apart is not None:
            bias = bias + apart[:, None]
        # One bias for every image of the batch: its windows stand beside their heads.
        bias = bias.flatten(0, 1)[None]
        total, N, C = windows.shape
        qkv = self.qkv(windows).view(total, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.reshape(3, -1, bias.shape[1], N, C // self.heads).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        mixed = mixed.reshape(total, self.heads, N, -1).transpose(1, 2)
        if torch.compiler.is_exporting():  # what attention is taken apart into leaves another order in memory
            mixed = mixed.clone(memory_format=torch.contiguous_format)
        return self.proj(mixed.reshape(total, N, C))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(...,C) -> (...,C), no unit."""
        return self.fc2(F.gelu(self.fc1(tokens)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Windowed attention and MLP, pre-norm; every other block looks through windows shifted by half of one."""

    def __init__(self, dim: int, heads: int, *, shift: int, drop_path: float) -> None:
        super().__init__()
        self.shift = shift
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads)
        self.drop_path: nn.Module = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim)

    def forward(self, map_BHWC: Tensor) -> Tensor:
        """(B,H,W,C) -> (B,H,W,C), no unit."""
        map_BHWC = map_BHWC + self.drop_path(self._attended(self.norm1(map_BHWC)))
        return map_BHWC + self.drop_path(self.mlp(self.norm2(map_BHWC)))  # type: ignore[no-any-return]

    def _attended(self, map_BHWC: Tensor) -> Tensor:
        B, H, W, C = map_BHWC.shape
        rows, columns = ceil_division(H, WINDOW), ceil_division(W, WINDOW)
        padded = F.pad(map_BHWC, (0, 0, 0, columns * WINDOW - W, 0, rows * WINDOW - H))
        apart = None
        if self.shift:
            padded = padded.roll((-self.shift, -self.shift), dims=(1, 2))
            apart = _kept(_separation)(rows, columns, map_BHWC.device)
        windows = padded.view(B, rows, WINDOW, columns, WINDOW, C).transpose(2, 3).reshape(-1, WINDOW**2, C)
        mixed = self.attn(windows, apart).view(B, rows, columns, WINDOW, WINDOW, C)
        mixed = mixed.transpose(2, 3).reshape(padded.shape)
        if self.shift:
            mixed = mixed.roll((self.shift, self.shift), dims=(1, 2))
        return mixed[:, :H, :W]  # type: ignore[no-any-return]


class PatchMerging(nn.Module):
    """Four neighbouring pixels to one of twice the width."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, map_BHWC: Tensor) -> Tensor:
        """(B,H,W,C) -> (B,ceil(H/2),ceil(W/2),2C), no unit."""
        H, W = map_BHWC.shape[1:3]
        even = F.pad(map_BHWC, (0, 0, 0, W % 2, 0, H % 2))
        corners = [even[:, row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))  # type: ignore[no-any-return]


class Stage(nn.Module):
    """Blocks of one width, and behind all but the last stage the way to the next."""

    def __init__(self, dim: int, heads: int, drop_path: list[float], *, merges: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(dim, heads, shift=_SHIFT * (index % 2), drop_path=rate) for index, rate in enumerate(drop_path)
        )
        if merges:
            self.downsample = PatchMerging(dim)


class PatchEmbed(nn.Module):
    """Patches of 4x4 pixels every 4 pixels, or every 2 with the same kernel, one linear map and a norm each."""

    def __init__(self, dim: int, stride: BaseStride) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=_PATCH, stride=stride, padding=(_PATCH - stride) // 2)
        self.norm = nn.LayerNorm(dim)
        self.stride = stride

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Normalised (B,3,H,W) -> (B,ceil(H/s),ceil(W/s),C) for stride s, no unit."""
        H, W = image_B3HW.shape[-2:]
        whole = F.pad(image_B3HW, (0, -W % self.stride, 0, -H % self.stride))
        return self.norm(self.proj(whole).permute(0, 2, 3, 1))  # type: ignore[no-any-return]


class SwinTransformer(nn.Module):
    """Swin of one size, read after each of its four stages, each reading through a norm of its own.

    Args:
        size: widths and depths.
        embed_stride: input pixels per pixel of the finest map.
        drop_path: how often a residual branch of the last block is left out in training, rising to it from 0 at the first.
    """

    def __init__(self, size: SwinSize, *, embed_stride: BaseStride, drop_path: float) -> None:
        super().__init__()
        self.channels = tuple(size.dim * 2**stage for stage in range(len(size.depths)))
        self.recomputes = False
        self.patch_embed = PatchEmbed(size.dim, embed_stride)
        total = sum(size.depths)
        rates = [drop_path * index / max(1, total - 1) for index in range(total)]
        self.layers = nn.ModuleList()
        for stage, (dim, depth, heads) in enumerate(zip(self.channels, size.depths, size.heads, strict=True)):
            start = sum(size.depths[:stage])
            self.layers.append(Stage(dim, heads, rates[start : start + depth], merges=stage + 1 < len(size.depths)))
            self.add_module(f"norm{stage}", nn.LayerNorm(dim))
        self.apply(_initialise)

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """Normalised (B,3,H,W) -> four maps (B,C_i,h_i,w_i), fine to coarse, sides ceil(side / stride), no unit."""
        readings = []
        map_BHWC = self.patch_embed(image_B3HW)
        for index, stage in enumerate(self.layers):
            if index:
                map_BHWC = self.layers[index - 1].downsample(map_BHWC)  # type: ignore[operator]
            for block in stage.blocks:  # type: ignore[union-attr]
                map_BHWC = recomputed(block, map_BHWC) if self.recomputes else block(map_BHWC)
            readings.append(self.get_submodule(f"norm{index}")(map_BHWC).permute(0, 3, 1, 2).contiguous())
        return tuple(readings)

    def recompute_gradients(self) -> None:
        """From now on, training keeps the blocks' inputs only and computes the rest again on the way back."""
        self.recomputes = True


def _initialise(module: nn.Module) -> None:
    """Truncated normal of 0.02 for linear maps, as the authors start."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _kept(constant: Callable[_Sizes, Tensor]) -> Callable[_Sizes, Tensor]:
    """The function with a memory; without one while a graph is traced, whose tensors must not outlive it."""
    return constant if torch.compiler.is_exporting() else _MEMORY[constant]


def _relative_positions(device: torch.device) -> Tensor:
    """(N,N) int64, the row of the bias table for each pair of a window's tokens."""
    with torch.inference_mode(mode=False), torch.no_grad():
        rows, columns = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
        down = rows.flatten()[:, None] - rows.flatten() + WINDOW - 1
        right = columns.flatten()[:, None] - columns.flatten() + WINDOW - 1
        return (down * (2 * WINDOW - 1) + right).to(device)


def _separation(rows: int, columns: int, device: torch.device) -> Tensor:
    """(G,N,N) float32: 0 for neighbours, -100 for tokens that only the shift's wrapping brought into one window."""
    with torch.inference_mode(mode=False), torch.no_grad():
        sides = []
        for windows in (rows, columns):
            region = torch.zeros(windows * WINDOW, dtype=torch.int64)
            region[-WINDOW:-_SHIFT], region[-_SHIFT:] = 1, 2
            sides.append(region)
        regions = sides[0][:, None] * 3 + sides[1]
        tokens = regions.view(rows, WINDOW, columns, WINDOW).transpose(1, 2).reshape(-1, WINDOW**2)
        return torch.where(tokens[:, :, None] == tokens[:, None], 0.0, _APART).to(device)


_MEMORY: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    constant: lru_cache(maxsize=64)(constant) for constant in (_relative_positions, _separation)
}
