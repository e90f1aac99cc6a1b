# SPDX-License-Identifier: Apache-2.0
"""Decoder taps enter, affine-invariant disparity leaves (the last activation of Depth Anything, arXiv 2401.10891)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.models.heads.taps import HeadTaps


class RelativeHead(nn.Module):
    """ReLU of the decoder's last 1x1 output; no weights of its own."""

    def forward(self, taps: HeadTaps) -> Tensor:
        """``taps.relative`` (B,H,W) -> disparity up to scale and shift, (B,H,W), no unit, at least 0."""
        return F.relu(taps.relative)
