# SPDX-License-Identifier: Apache-2.0
"""Decoder taps enter, metres below a fixed maximum leave (as the metric models of Depth Anything V2, arXiv 2406.09414)."""

from __future__ import annotations

from torch import Tensor, nn

from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.heads.precision import at_least_float32
from leadline.models.heads.taps import HeadTaps


class SigmoidHead(nn.Module):
    """``max_depth_m`` times the sigmoid of the decoder's last 1x1 output, at least float32; no weights of its own."""

    def __init__(self, config: SigmoidHeadConfig) -> None:
        super().__init__()
        self.max_depth_m = config.max_depth_m

    def forward(self, taps: HeadTaps) -> Tensor:
        """``taps.relative`` (B,H,W) -> metres (B,H,W) in [0, ``max_depth_m``] (its ``metric_depth`` code)."""
        return self.max_depth_m * at_least_float32(taps.relative).sigmoid()
