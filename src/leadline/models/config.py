# SPDX-License-Identifier: Apache-2.0
"""What a depth model is made of: names and numbers enter, a checked and frozen description of a ``DepthModel`` leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean

TIMM_PREFIX = "timm:"
LEVELS = 4  # a DPT decoder eats four maps, whatever made them

BinCentersType = Literal["normed", "softplus", "hybrid1", "hybrid2"]
AttractorKind = Literal["sum", "mean"]
AttractorType = Literal["inv", "exp"]
FeatureMode = Literal["zoe", "stride8"]
PositionRule = Literal["official", "size"]
FeedForward = Literal["mlp", "swiglu"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativeHeadConfig:
    """The plain Depth Anything head: affine-invariant disparity, no options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SigmoidHeadConfig:
    """The metric Depth Anything V2 head, ``max_depth_m * sigmoid(logit)``.

    Attributes:
        max_depth_m: metres at the far end; 20 for the Hypersim release, 80 for the Virtual KITTI one.
    """

    max_depth_m: float = 20.0

    def __post_init__(self) -> None:
        _require(self.max_depth_m > 0, "max_depth_m above 0", self.max_depth_m)


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricBinsHeadConfig:
    """ZoeDepth's metric-bins head (Bhat et al. 2023, arXiv 2302.12288).

    Attributes:
        n_bins: bins per pixel.
        bin_centers_type: bounded seed and attractors ("normed"), neither ("softplus"), only the seed ("hybrid1"), only the
            attractors ("hybrid2").
        bin_embedding_dim: channels of the bin embedding.
        min_depth_m, max_depth_m: metres; the range of bounded bins and of the training mask.
        n_attractors: attractors per level, coarse to fine.
        attractor_alpha, attractor_gamma: inverse strength and exponent of the attraction.
        attractor_kind: "sum" or "mean" over the attractors.
        attractor_type: "inv" is dx / (1 + alpha dx^gamma), "exp" is exp(-alpha |dx|^gamma) dx.
        min_temp, max_temp: range of the temperature of the log-binomial.
        compat: pin what the released code does: alpha 300, gamma 2, and bounded attractors that use the raw first channel.
    """

    n_bins: int = 64
    bin_centers_type: BinCentersType = "softplus"
    bin_embedding_dim: int = 128
    min_depth_m: float = 1e-3
    max_depth_m: float = 10.0
    n_attractors: tuple[int, ...] = (16, 8, 4, 1)
    attractor_alpha: float = 300.0
    attractor_gamma: int = 2
    attractor_kind: AttractorKind = "sum"
    attractor_type: AttractorType = "inv"
    min_temp: float = 5.0
    max_temp: float = 50.0
    compat: bool = False

    def __post_init__(self) -> None:
        _require(self.n_bins >= 2, "at least 2 bins", self.n_bins, "n_bins")
        _require(
            0 < self.min_depth_m < self.max_depth_m, "0 < min_depth_m < max_depth_m", (self.min_depth_m, self.max_depth_m)
        )
        temps = (self.min_temp, self.max_temp)
        _require(0 < self.min_temp <= self.max_temp, "0 < min_temp <= max_temp", temps, "min_temp", "max_temp")
        _require(self.bin_embedding_dim >= 1, "bin_embedding_dim of at least 1", self.bin_embedding_dim, "bin_embedding_dim")
        _require(self.attractor_alpha > 0, "attractor_alpha above 0", self.attractor_alpha, "attractor_alpha")
        _require(self.attractor_gamma >= 1, "attractor_gamma of at least 1", self.attractor_gamma, "attractor_gamma")
        levels_fit = len(self.n_attractors) == LEVELS and min(self.n_attractors) >= 1
        _require(levels_fit, f"{LEVELS} attractor counts of at least 1, coarse to fine", self.n_attractors, "n_attractors")
        _require_one_of(self.bin_centers_type, get_args(BinCentersType))
        _require_one_of(self.attractor_kind, get_args(AttractorKind))
        _require_one_of(self.attractor_type, get_args(AttractorType))


HeadConfig = RelativeHeadConfig | SigmoidHeadConfig | MetricBinsHeadConfig
_HEADS: dict[str, type[HeadConfig]] = {
    "relative": RelativeHeadConfig,
    "sigmoid": SigmoidHeadConfig,
    "metric_bins": MetricBinsHeadConfig,
}


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
# Depth Anything says nothing about foreign backbones; the Small decoder is wide enough for those that train on a CPU.
_TIMM_FEATURES, _TIMM_CHANNELS = DINOV2_SIZES["vits"].features, DINOV2_SIZES["vits"].channels


def v1_taps(encoder: str) -> tuple[int, ...]:
    """Depth Anything V1 reads the last four blocks.  ``v1_taps("vits") -> (8, 9, 10, 11)``; DINOv2 encoders only."""
    _require_one_of(encoder, tuple(DINOV2_SIZES))
    depth = DINOV2_SIZES[encoder].depth
    return tuple(range(depth - LEVELS, depth))


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthModelConfig:
    """Encoder, decoder and head of one depth model.

    Attributes:
        encoder: a name of ``DINOV2_SIZES``, or ``"timm:<any timm model>"``.
        taps: 0-based blocks to read; None = the encoder's own table (for timm: four evenly spread, or the four last stages).
        decoder_features, decoder_channels: DPT widths; None = the encoder's own.
        feature_mode: "zoe" = maps where Depth Anything has them; "stride8" = pyramid at 1/8, 1/16 and 1/32, fused at 1/8.
        head: what the numbers mean.
        position_rule: "official" = DINOv2's scale factor with offset 0.1; "size" = by target size, as Hugging Face does.
        input_size: shorter side in pixels that the model was trained at, and prediction's default; None = not recorded.
    """

    encoder: str = "vits"
    taps: tuple[int, ...] | None = None
    decoder_features: int | None = None
    decoder_channels: tuple[int, ...] | None = None
    feature_mode: FeatureMode = "zoe"
    head: HeadConfig = field(default_factory=RelativeHeadConfig)
    position_rule: PositionRule = "official"
    input_size: int | None = None

    def __post_init__(self) -> None:
        if not self.encoder.startswith(TIMM_PREFIX):
            _require_one_of(self.encoder, (*DINOV2_SIZES, TIMM_PREFIX + "<name>"))
        _require_one_of(self.feature_mode, get_args(FeatureMode))
        _require_one_of(self.position_rule, get_args(PositionRule))
        if self.taps is not None:
            rising = len(self.taps) == LEVELS and list(self.taps) == sorted(set(self.taps)) and self.taps[0] >= 0
            _require(rising, f"{LEVELS} rising taps", self.taps)
        if self.taps is not None and self.size is not None:
            _require(self.taps[-1] < self.size.depth, f"taps below {self.size.depth} for {self.encoder}", self.taps)
        if self.decoder_channels is not None:
            _require(len(self.decoder_channels) == LEVELS, f"{LEVELS} decoder channels", self.decoder_channels)

    @property
    def size(self) -> DinoSize | None:
        """The DINOv2 size, or None for a timm backbone."""
        return DINOV2_SIZES.get(self.encoder)

    @property
    def features(self) -> int:
        """DPT width, resolved."""
        return self.decoder_features or (self.size.features if self.size else _TIMM_FEATURES)

    @property
    def channels(self) -> tuple[int, ...]:
        """The four reassembled widths, resolved."""
        return self.decoder_channels or (self.size.channels if self.size else _TIMM_CHANNELS)

    @property
    def kind(self) -> DepthKind:
        """The claim of the model's output."""
        return DepthKind.AFFINE_DISPARITY if isinstance(self.head, RelativeHeadConfig) else DepthKind.METRIC

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the head carries its name under ``"type"``."""
        head_type = next(name for name, kind in _HEADS.items() if isinstance(self.head, kind))
        return _as_dict(self) | {"head": {"type": head_type} | _as_dict(self.head)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> DepthModelConfig:
        """The inverse of ``to_dict``; an unknown name is a ``UsageError``."""
        head = dict(values.get("head", {"type": "relative"}))
        head_type = head.pop("type", None)
        _require_one_of(str(head_type), tuple(_HEADS))
        head_class = _HEADS[str(head_type)]
        rest = {name: value for name, value in values.items() if name != "head"}
        return DepthModelConfig(head=head_class(**_known(head, head_class)), **_known(rest, DepthModelConfig))


def _as_dict(config: HeadConfig | DepthModelConfig) -> dict[str, Any]:
    pairs = ((one.name, getattr(config, one.name)) for one in fields(config) if one.name != "head")
    return {name: list(value) if isinstance(value, tuple) else value for name, value in pairs}


def _known(values: Mapping[str, Any], owner: type[HeadConfig | DepthModelConfig]) -> dict[str, Any]:
    names = tuple(one.name for one in fields(owner))
    for name in values:
        _require_one_of(name, names)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _require(holds: bool, expected: str, got: object, *named: str) -> None:  # noqa: FBT001
    if not holds:
        flags = " or ".join("--" + name.replace("_", "-") for name in named)  # recipes give these fields the same names
        raise UsageError(expected=expected, got=repr(got), remedy=f"correct {flags or 'the model configuration'}")


def _require_one_of(name: str, known: tuple[Any, ...]) -> None:
    if name not in known:
        hint = did_you_mean(name, known, otherwise="correct the model configuration")
        raise UsageError(expected=f"one of {', '.join(known)}", got=repr(name), remedy=hint)
