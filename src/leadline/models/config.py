# SPDX-License-Identifier: Apache-2.0
"""What a depth model is made of: names and numbers enter, a checked and frozen description of a ``DepthModel`` leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import require
from leadline.models.calibration import Calibration
from leadline.models.head_config import HEADS, LEVELS, HeadConfig, RelativeHeadConfig
from leadline.models.requirements import correct, require_one_of

TIMM_PREFIX = "timm:"

FeatureMode = Literal["zoe", "stride8"]
PositionRule = Literal["official", "size"]
FeedForward = Literal["mlp", "swiglu"]
Readout = Literal["ignore", "project"]
Interpolation = Literal["cubic", "bilinear", "antialiased"]


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
# Depth Anything says nothing about foreign backbones; the Small decoder is wide enough for those that train on a CPU.
_TIMM_FEATURES, _TIMM_CHANNELS = DINOV2_SIZES["vits"].features, DINOV2_SIZES["vits"].channels


def v1_taps(encoder: str) -> tuple[int, ...]:
    """Depth Anything V1 reads the last four blocks.  ``v1_taps("vits") -> (8, 9, 10, 11)``; DINOv2 encoders only."""
    if encoder not in DINOV2_SIZES:
        require_one_of(encoder, tuple(name for name in DINOV2_SIZES if name not in TOY_SIZES), "encoder")
    depth = DINOV2_SIZES[encoder].depth
    return tuple(range(depth - LEVELS, depth))


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthModelConfig:
    """Encoder, decoder and head of one depth model.

    Attributes:
        encoder: a name of ``DINOV2_SIZES`` or ``BEIT_SIZES``, or ``"timm:<any timm model>"``.
        taps: 0-based blocks to read; None = the encoder's own table (for timm: four evenly spread, or the four last stages).
        decoder_features, decoder_channels: DPT widths; None = the encoder's own.
        feature_mode: "zoe" = maps where Depth Anything has them; "stride8" = pyramid at 1/8, 1/16 and 1/32, fused at 1/8.
        head: what the numbers mean.
        position_rule: "official" = DINOv2's scale factor with offset 0.1; "size" = by target size, as Hugging Face does.
        input_size: shorter side in pixels that the model was trained at, and prediction's default; None = not recorded.
        interpolation: how the pictures it was trained on were brought to size: "cubic" = a = -0.75 without averaging (Depth
            Anything), "bilinear" = aligned corners without averaging (MiDaS and ZoeDepth), "antialiased" = averaging (ours).
        calibration: what turns the head's numbers into metres; None = they stay what the head makes them.
    """

    encoder: str = "vits"
    taps: tuple[int, ...] | None = None
    decoder_features: int | None = None
    decoder_channels: tuple[int, ...] | None = None
    feature_mode: FeatureMode = "zoe"
    head: HeadConfig = field(default_factory=RelativeHeadConfig)
    position_rule: PositionRule = "official"
    input_size: int | None = None
    interpolation: Interpolation = "cubic"
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not (self.encoder.startswith(TIMM_PREFIX) or self.encoder in DINOV2_SIZES or self.encoder in BEIT_SIZES):
            offered = (name for name in (*DINOV2_SIZES, *BEIT_SIZES) if name not in TOY_SIZES)
            require_one_of(self.encoder, (*offered, TIMM_PREFIX + "<name>"), "encoder")
        require_one_of(self.feature_mode, get_args(FeatureMode))
        require_one_of(self.position_rule, get_args(PositionRule))
        require_one_of(self.interpolation, get_args(Interpolation), "interpolation")
        if self.taps is not None:
            rising = len(self.taps) == LEVELS and list(self.taps) == sorted(set(self.taps)) and self.taps[0] >= 0
            require(rising, f"{LEVELS} rising taps", self.taps, correct())
        own = self.size or self.beit
        if self.taps is not None and own is not None:
            require(self.taps[-1] < own.depth, f"taps below {own.depth} for {self.encoder}", self.taps, correct())
        if self.decoder_channels is not None:
            require(len(self.decoder_channels) == LEVELS, f"{LEVELS} decoder channels", self.decoder_channels, correct())
        sizes = (self.decoder_features, self.input_size, *(self.decoder_channels or ()))
        require(all(n is None or n >= 1 for n in sizes), "decoder widths and an input size of at least 1", sizes, correct())

    @property
    def size(self) -> DinoSize | None:
        """The DINOv2 size, or None for another backbone."""
        return DINOV2_SIZES.get(self.encoder)

    @property
    def beit(self) -> BeitSize | None:
        """The BEiT size, or None for another backbone."""
        return BEIT_SIZES.get(self.encoder)

    @property
    def readout(self) -> Readout:
        """What the decoder does with class tokens."""
        return "ignore" if self.beit is None else "project"

    @property
    def features(self) -> int:
        """DPT width, resolved."""
        own = self.size or self.beit
        return self.decoder_features or (own.features if own else _TIMM_FEATURES)

    @property
    def channels(self) -> tuple[int, ...]:
        """The four reassembled widths, resolved."""
        own = self.size or self.beit
        return self.decoder_channels or (own.channels if own else _TIMM_CHANNELS)

    @property
    def kind(self) -> DepthKind:
        """The claim of the model's output."""
        return DepthKind.METRIC if self.calibration is not None else self.head_kind

    @property
    def head_kind(self) -> DepthKind:
        """The claim of the head's numbers, before any calibration."""
        return DepthKind.AFFINE_DISPARITY if isinstance(self.head, RelativeHeadConfig) else DepthKind.METRIC

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the head carries its name under ``"type"``, and a calibration is there only where there is one."""
        head_type = next(name for name, kind in HEADS.items() if isinstance(self.head, kind))
        values = _as_dict(self) | {"head": {"type": head_type} | _as_dict(self.head)}
        return values if self.calibration is None else values | {"calibration": self.calibration.to_dict()}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> DepthModelConfig:
        """The inverse of ``to_dict``; an unknown name is a ``UsageError``."""
        head = dict(values.get("head", {"type": "relative"}))
        head_type = head.pop("type", None)
        require_one_of(str(head_type), tuple(HEADS))
        head_class = HEADS[str(head_type)]
        found = values.get("calibration")
        calibration = None if found is None else Calibration.from_dict(found)
        rest = {name: value for name, value in values.items() if name not in _NESTED}
        known = _known(rest, DepthModelConfig)
        return DepthModelConfig(head=head_class(**_known(head, head_class)), calibration=calibration, **known)


_NESTED = frozenset({"head", "calibration"})


def _as_dict(config: HeadConfig | DepthModelConfig) -> dict[str, Any]:
    pairs = ((one.name, getattr(config, one.name)) for one in fields(config) if one.name not in _NESTED)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in pairs}


def _known(values: Mapping[str, Any], owner: type[HeadConfig | DepthModelConfig]) -> dict[str, Any]:
    names = tuple(one.name for one in fields(owner))
    for name in values:
        require_one_of(name, names)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
