# SPDX-License-Identifier: Apache-2.0
"""DINOv2 (Oquab et al. 2023, arXiv 2304.07193) as Depth Anything uses it: images enter, four normalised maps leave.

Module names are those of the official files, so a state dict differs by its prefix only.
Shape letters: B images, N tokens, D width, h w patches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from leadline.models.attention import attend
from leadline.models.config import PositionRule
from leadline.models.encoder_sizes import DinoSize
from leadline.models.features import EncoderLayout, Features
from leadline.models.normalisation import IMAGENET
from leadline.models.position_embedding import resample_positions
from leadline.models.recomputation import recomputed

PATCH_PX = 14
NATIVE_GRID = 37  # 518 / 14, the grid the position embedding was trained on
_NORM_EPS = 1e-6


class Attention(nn.Module):
    """Multi-head self-attention with one fused projection.  (B,N,D) -> (B,N,D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens_BND: Tensor) -> Tensor:
        """Normalised tokens (B,N,D) -> (B,N,D), no unit; the formula is ``attend``'s."""
        B, N, D = tokens_BND.shape
        # unbound before the heads move: the three gradients then meet in the projection's own layout, without a copy
        q, k, v = self.qkv(tokens_BND).view(B, N, 3, self.heads, D // self.heads).unbind(2)
        mixed = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.proj(mixed.transpose(1, 2).reshape(B, N, D))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, tokens_BND: Tensor) -> Tensor:
        """(B,N,D) -> (B,N,D), no unit."""
        return self.fc2(F.gelu(self.fc1(tokens_BND)))  # type: ignore[no-any-return]


class SwiGlu(nn.Module):
    """The giant's feed-forward, w3(silu(a) * b) with (a, b) = w12(x)   (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # Two thirds of 4 x dim keep the parameter count of the MLP; rounded up to 8 as in xFormers.
        hidden = (4 * dim * 2 // 3 + 7) // 8 * 8
        self.w12 = nn.Linear(dim, 2 * hidden)
        self.w3 = nn.Linear(hidden, dim)

    def forward(self, tokens_BND: Tensor) -> Tensor:
        """(B,N,D) -> (B,N,D), no unit."""
        gate, value = self.w12(tokens_BND).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)  # type: ignore[no-any-return]


class LayerScale(nn.Module):
    """A learned factor per channel (Touvron et al. 2021, arXiv 2103.17239), 1 at the start as in DINOv2's dense models."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, tokens_BND: Tensor) -> Tensor:
        """(B,N,D) -> (B,N,D), no unit."""
        return tokens_BND * self.gamma


class Block(nn.Module):
    """Pre-norm transformer block with LayerScale."""

    def __init__(self, size: DinoSize) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.dim, eps=_NORM_EPS)
        self.attn = Attention(size.dim, size.heads)
        self.ls1 = LayerScale(size.dim)
        self.norm2 = nn.LayerNorm(size.dim, eps=_NORM_EPS)
        self.mlp = Mlp(size.dim) if size.feed_forward == "mlp" else SwiGlu(size.dim)
        self.ls2 = LayerScale(size.dim)

    def forward(self, tokens_BND: Tensor) -> Tensor:
        """(B,N,D) -> (B,N,D), no unit."""
        tokens_BND = tokens_BND + self.ls1(self.attn(self.norm1(tokens_BND)))
        return tokens_BND + self.ls2(self.mlp(self.norm2(tokens_BND)))  # type: ignore[no-any-return]


class PatchEmbed(nn.Module):
    """Non-overlapping square patches, one linear map each."""

    def __init__(self, dim: int, patch_px: int = PATCH_PX) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch_px, stride=patch_px)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Normalised (B,3,H,W) of h x w patches -> (B,hw,D), row by row, no unit."""
        return self.proj(image_B3HW).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]


class DinoVisionTransformer(nn.Module):
    """DINOv2 of one size, read after four blocks, each reading passed through the final LayerNorm.

    Args:
        size: widths and depth.
        taps: rising 0-based block numbers, four for DPT.
        position_rule: how position embeddings reach another grid than 37x37.
    """

    def __init__(self, size: DinoSize, taps: tuple[int, ...], position_rule: PositionRule = "official") -> None:
        super().__init__()
        self.taps, self.position_rule = taps, position_rule
        self.recomputes = False
        self.layout = EncoderLayout(
            channels=(size.dim,) * len(taps),
            strides=(PATCH_PX,) * len(taps),
            prefix_tokens=1,
            class_token=True,
            size_multiple=PATCH_PX,
            normalisation=IMAGENET,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + NATIVE_GRID**2, size.dim))
        # In every official file, read by nobody after pre-training: frozen, or distributed training waits for it.
        self.mask_token = nn.Parameter(torch.zeros(1, size.dim), requires_grad=False)
        self.patch_embed = PatchEmbed(size.dim)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.depth))
        # Blocks after the last tap belong to the file, not to the function.
        self.blocks[taps[-1] + 1 :].requires_grad_(requires_grad=False)
        self.norm = nn.LayerNorm(size.dim, eps=_NORM_EPS)
        self._initialise()

    def forward(self, image_B3HW: Tensor) -> Features:
        """Normalised (B,3,H,W), sides multiples of 14 -> for each tap a map (B,D,H/14,W/14) and its class token (B,1,D)."""
        h, w = image_B3HW.shape[-2] // PATCH_PX, image_B3HW.shape[-1] // PATCH_PX
        readings = [self.norm(tokens) for tokens in self._tapped(self._embed(image_B3HW, h, w))]
        return Features(
            maps=tuple(tokens[:, 1:].view(tokens.shape[0], h, w, -1).permute(0, 3, 1, 2) for tokens in readings),
            strides=self.layout.strides,
            prefix=tuple(tokens[:, :1] for tokens in readings),
        )

    def recompute_gradients(self) -> None:
        """From now on, training keeps the blocks' inputs only and computes the rest again on the way back."""
        self.recomputes = True

    def positions(self, h: int, w: int) -> Tensor:
        """(1, 1 + hw, D) position embedding, no unit, of an h x w patch grid, the class token's first."""
        grid = self.pos_embed[0, 1:].view(NATIVE_GRID, NATIVE_GRID, -1)
        resampled = resample_positions(grid, h, w, self.position_rule).flatten(0, 1)
        return torch.cat((self.pos_embed[:, :1], resampled[None].to(self.pos_embed.dtype)), dim=1)

    def _embed(self, image_B3HW: Tensor, h: int, w: int) -> Tensor:
        patches_BND = self.patch_embed(image_B3HW)
        tokens_BND = torch.cat(
            (self.cls_token.expand(patches_BND.shape[0], -1, -1).to(patches_BND.dtype), patches_BND), dim=1
        )
        return tokens_BND + self.positions(h, w)

    def _tapped(self, tokens_BND: Tensor) -> list[Tensor]:
        readings = []
        for index, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            tokens_BND = recomputed(block, tokens_BND) if self.recomputes else block(tokens_BND)
            if index in self.taps:
                readings.append(tokens_BND)
        return readings

    def _initialise(self) -> None:
        """DINOv2's start: truncated normal of 0.02 for linear maps and positions, nearly nothing for the class token."""
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
