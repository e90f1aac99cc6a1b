# SPDX-License-Identifier: Apache-2.0
"""BEiT (Bao et al. 2022, arXiv 2106.08254) as MiDaS 3.1 uses it: images of any grid enter, four raw maps leave.

The only positions are biases on the attention scores, one table per block, trained on a square grid.  MiDaS 3.1
(Birkl et al. 2023, arXiv 2307.14460) resizes each table to the distances of the present grid, so images need not be square.
Module names are those of the official files.  Shape letters: B images, N tokens, D width, H heads, h w patches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from leadline.models.attention import attend
from leadline.models.dinov2 import Mlp, PatchEmbed
from leadline.models.encoder_sizes import BeitSize
from leadline.models.features import EncoderLayout, Features
from leadline.models.normalisation import Normalisation
from leadline.models.recomputation import recomputed

PATCH_PX = 16
SIZE_MULTIPLE = 32  # MiDaS rounds to it: the coarsest decoder level halves the grid once more
_NORM_EPS = 1e-6
_SCALE_START = 0.1  # of the two learned factors per channel
_SPECIAL = 3  # rows at a table's end: class token to patches, patches to class token, class token to itself
MIDAS = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class Attention(nn.Module):
    """Multi-head self-attention with a bias per pair of positions; keys have no bias of their own."""

    def __init__(self, size: BeitSize) -> None:
        super().__init__()
        self.heads, self.native = size.heads, size.native_grid
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(size.dim)), nn.Parameter(torch.zeros(size.dim))
        distances = (2 * self.native - 1) ** 2 + _SPECIAL
        self.relative_position_bias_table = nn.Parameter(torch.zeros(distances, size.heads))
        self.qkv = nn.Linear(size.dim, 3 * size.dim, bias=False)
        self.proj = nn.Linear(size.dim, size.dim)

    def forward(self, tokens_BND: Tensor, h: int, w: int) -> Tensor:
        """Normalised tokens (B,1+hw,D), the class token first -> (B,1+hw,D), no unit."""
        B, N, D = tokens_BND.shape
        bias_3D = torch.cat((self.q_bias, torch.zeros_like(self.q_bias), self.v_bias))
        q, k, v = F.linear(tokens_BND, self.qkv.weight, bias_3D).view(B, N, 3, self.heads, D // self.heads).unbind(2)
        mixed = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), self.position_bias(h, w))
        return self.proj(mixed.transpose(1, 2).reshape(B, N, D))  # type: ignore[no-any-return]

    def position_bias(self, h: int, w: int) -> Tensor:
        """(H,1+hw,1+hw) added to the scores of every query (rows) and key (columns) of an h x w grid, no unit."""
        table, special = self.relative_position_bias_table[:-_SPECIAL], self.relative_position_bias_table[-_SPECIAL:]
        side = 2 * self.native - 1
        native_1Hyx = table.T.reshape(1, self.heads, side, side)
        distances = F.interpolate(native_1Hyx, (2 * h - 1, 2 * w - 1), mode="bilinear", align_corners=False)[0]
        windows = _distances_looked_up if torch.compiler.is_exporting() else _distances_from_each_patch
        patches = windows(distances, h, w).reshape(self.heads, h * w, h * w)
        from_class, to_class, itself = special[:, :, None, None]
        from_patches = torch.cat((to_class.expand(-1, h * w, 1), patches), dim=2)
        return torch.cat((torch.cat((itself, from_class.expand(-1, 1, h * w)), dim=2), from_patches), dim=1)


def _distances_from_each_patch(distances_Hyx: Tensor, h: int, w: int) -> Tensor:
    """(H,2h-1,2w-1) by distance, most negative first -> (H,h,w,h,w) by query and key, no unit.

    A window of the mirrored table holds all distances from one patch, and slides with it: no index is needed.
    """
    return distances_Hyx.flip(1, 2).unfold(1, h, 1).unfold(2, w, 1).flip(1, 2)


def _distances_looked_up(distances_Hyx: Tensor, h: int, w: int) -> Tensor:
    """The same by index, for graphs of any size: traced windows keep the size they were traced at."""
    down, right = (torch.arange(side, device=distances_Hyx.device) for side in (h, w))
    rows = distances_Hyx[:, (down[:, None] - down + h - 1).reshape(h * h)]
    both = rows[:, :, (right[:, None] - right + w - 1).reshape(w * w)]
    return both.reshape(-1, h, h, w, w).transpose(2, 3)


class Block(nn.Module):
    """Pre-norm transformer block with a learned factor per channel on both branches."""

    def __init__(self, size: BeitSize) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.dim, eps=_NORM_EPS)
        self.attn = Attention(size)
        self.gamma_1, self.gamma_2 = (nn.Parameter(torch.full((size.dim,), _SCALE_START)) for _ in range(2))
        self.norm2 = nn.LayerNorm(size.dim, eps=_NORM_EPS)
        self.mlp = Mlp(size.dim)

    def forward(self, tokens_BND: Tensor, h: int, w: int) -> Tensor:
        """(B,1+hw,D) -> (B,1+hw,D), no unit."""
        tokens_BND = tokens_BND + self.gamma_1 * self.attn(self.norm1(tokens_BND), h, w)
        return tokens_BND + self.gamma_2 * self.mlp(self.norm2(tokens_BND))  # type: ignore[no-any-return]


class BeitVisionTransformer(nn.Module):
    """BEiT of one size, read after four blocks, as they are: no norm follows.

    Args:
        size: widths and depth.
        taps: rising 0-based block numbers, four for DPT.
    """

    def __init__(self, size: BeitSize, taps: tuple[int, ...]) -> None:
        super().__init__()
        self.taps = taps
        self.recomputes = False
        self.layout = EncoderLayout(
            channels=(size.dim,) * len(taps),
            strides=(PATCH_PX,) * len(taps),
            prefix_tokens=1,
            class_token=True,
            size_multiple=SIZE_MULTIPLE,
            normalisation=MIDAS,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.dim))
        self.patch_embed = PatchEmbed(size.dim, PATCH_PX)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.depth))
        # Blocks after the last tap belong to the file, not to the function.
        self.blocks[taps[-1] + 1 :].requires_grad_(requires_grad=False)
        self._initialise()

    def forward(self, image_B3HW: Tensor) -> Features:
        """Normalised (B,3,H,W), sides multiples of 16 -> for each tap a map (B,D,H/16,W/16) and its class token (B,1,D)."""
        h, w = image_B3HW.shape[-2] // PATCH_PX, image_B3HW.shape[-1] // PATCH_PX
        patches_BND = self.patch_embed(image_B3HW)
        tokens_BND = torch.cat(
            (self.cls_token.expand(patches_BND.shape[0], -1, -1).to(patches_BND.dtype), patches_BND), dim=1
        )
        readings = []
        for index, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            tokens_BND = recomputed(block, tokens_BND, h, w) if self.recomputes else block(tokens_BND, h, w)
            if index in self.taps:
                readings.append(tokens_BND)
        return Features(
            maps=tuple(tokens[:, 1:].unflatten(1, (h, w)).permute(0, 3, 1, 2) for tokens in readings),
            strides=self.layout.strides,
            prefix=tuple(tokens[:, :1] for tokens in readings),
        )

    def recompute_gradients(self) -> None:
        """From now on, training keeps the blocks' inputs only and computes the rest again on the way back."""
        self.recomputes = True

    def _initialise(self) -> None:
        """BEiT's start: truncated normal of 0.02 for linear maps and the class token."""
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
