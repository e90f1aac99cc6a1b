# SPDX-License-Identifier: Apache-2.0
"""Names of our own encoders enter; their widths, depths and tapped blocks, and the DPT widths beside them, leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FeedForward = Literal["mlp", "swiglu"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DinoSize:
    """One size of our DINOv2 and the DPT widths that go with it (patch 14, native grid 37x37).

    Attributes:
        dim, depth, heads: width, blocks and attention heads.
        feed_forward: GELU MLP, or the SwiGLU of the giant.
        taps: 0-based blocks after which features are read (Depth Anything V2).
        features, channels: DPT width and its four reassembled widths.
    """

    dim: int
    depth: int
    heads: int
    taps: tuple[int, ...]
    features: int
    channels: tuple[int, ...]
    feed_forward: FeedForward = "mlp"


# vits..vitg: Depth Anything V2, metric_depth/run.py and dinov2.py.  The others are ours: "dinov2-toy" is the size of the
# stored toy fixture, "dinov2-nano" and "dinov2-tiny" (DeiT-Ti's width) can be trained from nothing on a CPU.
DINOV2_SIZES: dict[str, DinoSize] = {
    "vits": DinoSize(dim=384, depth=12, heads=6, taps=(2, 5, 8, 11), features=64, channels=(48, 96, 192, 384)),
    "vitb": DinoSize(dim=768, depth=12, heads=12, taps=(2, 5, 8, 11), features=128, channels=(96, 192, 384, 768)),
    "vitl": DinoSize(dim=1024, depth=24, heads=16, taps=(4, 11, 17, 23), features=256, channels=(256, 512, 1024, 1024)),
    "vitg": DinoSize(
        dim=1536,
        depth=40,
        heads=24,
        taps=(9, 19, 29, 39),
        features=384,
        channels=(1536, 1536, 1536, 1536),
        feed_forward="swiglu",
    ),
    "dinov2-tiny": DinoSize(dim=192, depth=12, heads=3, taps=(2, 5, 8, 11), features=48, channels=(24, 48, 96, 192)),
    "dinov2-nano": DinoSize(dim=96, depth=4, heads=3, taps=(0, 1, 2, 3), features=32, channels=(16, 24, 48, 96)),
    "dinov2-toy": DinoSize(dim=32, depth=4, heads=4, taps=(0, 1, 2, 3), features=16, channels=(8, 12, 16, 24)),
    "dinov2-toy-swiglu": DinoSize(
        dim=32, depth=4, heads=4, taps=(0, 1, 2, 3), features=16, channels=(8, 12, 16, 24), feed_forward="swiglu"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BeitSize:
    """One size of our BEiT and the DPT widths that go with it (patch 16), as in MiDaS 3.1.

    Attributes:
        dim, depth, heads: width, blocks and attention heads.
        taps: 0-based blocks after which features are read.
        features, channels: DPT width and its four reassembled widths.
        native_grid: patches along each side of the pictures it was trained on.
    """

    dim: int
    depth: int
    heads: int
    taps: tuple[int, ...]
    features: int
    channels: tuple[int, ...]
    native_grid: int


# beitl: MiDaS's DPT_BEiT_L_384, the encoder of ZoeDepth.  "beit-toy" is ours, for tests.
BEIT_SIZES: dict[str, BeitSize] = {
    "beitl": BeitSize(
        dim=1024, depth=24, heads=16, taps=(5, 11, 17, 23), features=256, channels=(256, 512, 1024, 1024), native_grid=24
    ),
    "beit-toy": BeitSize(dim=32, depth=4, heads=4, taps=(0, 1, 2, 3), features=16, channels=(8, 12, 16, 24), native_grid=4),
}
TOY_SIZES = frozenset({"dinov2-toy", "dinov2-toy-swiglu", "beit-toy"})
"""For tests: they can be named, but no error offers them."""
