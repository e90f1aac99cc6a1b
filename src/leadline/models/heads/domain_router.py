# SPDX-License-Identifier: Apache-2.0
"""The coarsest feature map enters, one score per domain leaves   (ZoeDepth NK's router, arXiv 2302.12288).

Module names are those of the released file.  Shape letters: B pictures, N tokens, E width of the router.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# The released sizes; nothing in its configuration changes them.
WIDTH, ATTENTION_HEADS, FEED_FORWARD, LAYERS = 128, 4, 1024, 4
_DROPOUT = 0.1
_LONGEST_WAVE = 10000.0  # base of the sinusoidal code (Vaswani et al. 2017, arXiv 1706.03762)


class PatchTransformer(nn.Module):
    """A small post-norm transformer over the pixels of a map, read at a token that carries nothing of its own."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.embedding_convPxP = nn.Conv2d(in_channels, WIDTH, kernel_size=1)
        layer = nn.TransformerEncoderLayer(WIDTH, ATTENTION_HEADS, FEED_FORWARD, _DROPOUT, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,E), no unit: what the whole map says."""
        patches_BNE = self.embedding_convPxP(features).flatten(2).transpose(1, 2)
        tokens_BNE = nn.functional.pad(patches_BNE, (0, 0, 1, 0))
        tokens_BNE = tokens_BNE + sinusoids(tokens_BNE.shape[1], WIDTH).to(tokens_BNE)
        return self.transformer_encoder(tokens_BNE)[:, 0]  # type: ignore[no-any-return]


def domain_classifier(domains: int) -> nn.Sequential:
    """(B,E) -> (B,domains) scores, no unit."""
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, domains))


def sinusoids(length: int, width: int) -> Tensor:
    """Positions 0, 1, ... as sines in the first half of the channels and cosines in the second.  -> (length,width) float32.

    >>> sinusoids(2, 4).sum(dim=1).round(decimals=3)
    tensor([2.0000, 2.3920])
    """
    wave = torch.exp(torch.arange(0, width, 2) * (-torch.tensor(_LONGEST_WAVE).log() / width))
    phase = torch.arange(length)[:, None] * wave
    return torch.cat((phase.sin(), phase.cos()), dim=1)
