# SPDX-License-Identifier: Apache-2.0
"""What a depth model is made of: names and numbers enter, a checked and frozen description of a ``DepthModel`` leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import require
from leadline.models.calibration import Calibration
from leadline.models.encoder_sizes import BEIT_SIZES, DINOV2_SIZES, TOY_SIZES, BeitSize, DinoSize
from leadline.models.head_config import HEADS, LEVELS, HeadConfig, RelativeHeadConfig, SigmoidHeadConfig
from leadline.models.requirements import correct, require_one_of

TIMM_PREFIX = "timm:"

FeatureMode = Literal["zoe", "stride8"]
PositionRule = Literal["official", "size"]
Readout = Literal["ignore", "project"]
Interpolation = Literal["cubic", "bilinear", "antialiased"]
Decoder = Literal["dpt", "upsample"]
Statistics = Literal["own", "imagenet"]

# Depth Anything says nothing about foreign backbones; the Small decoder is wide enough for those that train on a CPU.
_TIMM_FEATURES, _TIMM_CHANNELS = DINOV2_SIZES["vits"].features, DINOV2_SIZES["vits"].channels
_UPSAMPLE_FEATURES = 256  # of the first stage, as in the JEPA-depth reference


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
        decoder: "dpt" fuses four maps; "upsample" doubles the last one until it is as large as the image.
        decoder_features: DPT width, or that of the first doubling, halved at each later; None = the encoder's own, or 256.
        decoder_channels: the four reassembled DPT widths, or that of each doubling; None = the encoder's own, or by halving.
        feature_mode: "zoe" = maps where Depth Anything has them; "stride8" = pyramid at 1/8, 1/16 and 1/32, fused at 1/8.
        head: what the numbers mean.
        position_rule: "official" = DINOv2's scale factor with offset 0.1; "size" = by target size, as Hugging Face does.
        input_size: shorter side in pixels that the model was trained at, and prediction's default; None = not recorded.
        interpolation: how the pictures it was trained on were brought to size: "cubic" = a = -0.75 without averaging (Depth
            Anything), "bilinear" = aligned corners without averaging (MiDaS and ZoeDepth), "antialiased" = averaging (ours).
        calibration: what turns the head's numbers into metres; None = they stay what the head makes them.
        normalisation: "own" = by the mean and spread the backbone was trained with; "imagenet" = always ImageNet's.
        drop_path: how often a residual branch of the last block is left out while training, rising to it from 0 at the first
            (Huang et al. 2016, arXiv 1603.09382); timm encoders only.
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
    decoder: Decoder = "dpt"
    normalisation: Statistics = "own"
    drop_path: float = 0.0

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
        self._check_decoder()
        require_one_of(self.normalisation, get_args(Statistics), "normalisation")
        of_timm = self.encoder.startswith(TIMM_PREFIX)
        drops = "drop_path from 0 to below 1, above 0 for timm encoders only"
        require(0 <= self.drop_path < 1 and (of_timm or self.drop_path == 0), drops, self.drop_path, correct("drop_path"))
        sizes = (self.decoder_features, self.input_size, *(self.decoder_channels or ()))
        require(all(n is None or n >= 1 for n in sizes), "decoder widths and an input size of at least 1", sizes, correct())

    def _check_decoder(self) -> None:
        require_one_of(self.decoder, get_args(Decoder), "decoder")
        if self.decoder == "dpt":
            fit = self.decoder_channels is None or len(self.decoder_channels) == LEVELS
            require(fit, f"{LEVELS} decoder channels", self.decoder_channels, correct())
            return
        require(self.decoder_channels != (), "one decoder channel or more", self.decoder_channels, correct())
        require(
            self.feature_mode == "zoe", "feature_mode zoe with decoder upsample", self.feature_mode, correct("feature_mode")
        )
        plain = isinstance(self.head, RelativeHeadConfig | SigmoidHeadConfig)
        require(plain, "a relative or a sigmoid head with decoder upsample", type(self.head).__name__, correct("decoder"))

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
        """DPT width, or that of the first doubling, resolved."""
        if self.decoder == "upsample":
            return self.decoder_features or _UPSAMPLE_FEATURES
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
        """JSON-ready; the head carries its name under ``"type"``.

        A calibration, and what came after the first release, is there only where it says something: what it leaves out is
        then read by that release too.
        """
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
_LATER = frozenset({"decoder", "normalisation", "drop_path"})


def _as_dict(config: HeadConfig | DepthModelConfig) -> dict[str, Any]:
    own = {one.name: getattr(config, one.name) for one in fields(config) if one.name not in _NESTED}
    silent = {one.name for one in fields(config) if one.name in _LATER and own[one.name] == one.default}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in own.items() if name not in silent}


def _known(values: Mapping[str, Any], owner: type[HeadConfig | DepthModelConfig]) -> dict[str, Any]:
    names = tuple(one.name for one in fields(owner))
    for name in values:
        require_one_of(name, names)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
