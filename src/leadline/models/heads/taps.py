# SPDX-License-Identifier: Apache-2.0
"""What a decoder hands to a depth head: the feature maps ZoeDepth taps, named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadTaps:
    """Feature maps of one forward pass, without unit (names as in the ZoeDepth sources: out_conv, l4_rn, r4..r1).

    Attributes:
        out_conv: (B, 32, H, W), the decoder's last 3x3 convolution, activated; its size is the head's output size.
        bottleneck: (B, C, h, w), the coarsest map (l4_rn).
        pyramid: (B, C, ·, ·) fused maps, coarse to fine (r4, r3, r2, r1); any sizes; empty where the decoder fuses
            none, and no head that reads them is built on it.
        relative: (B, H, W), the decoder's own last 1x1 output, before its activation is applied by a head.
    """

    out_conv: Tensor
    bottleneck: Tensor
    pyramid: tuple[Tensor, ...]
    relative: Tensor
