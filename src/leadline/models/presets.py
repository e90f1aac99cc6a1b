# SPDX-License-Identifier: Apache-2.0
"""Published models by name: a name enters, what to build, what it claims and its licence leave; no weights."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.contracts.depth_map import DepthKind
from leadline.models.config import DepthModelConfig, HeadConfig, RelativeHeadConfig, SigmoidHeadConfig, v1_taps

_V1_SOURCE = "https://github.com/LiheYoung/Depth-Anything"
_V2_SOURCE = "https://github.com/DepthAnything/Depth-Anything-V2"
_FREE, _NON_COMMERCIAL = "Apache-2.0", "CC-BY-NC-4.0"

# Encoder, and the parameters of encoder and relative decoder together (counted in the official definitions).
_SIZES: dict[str, tuple[str, int]] = {
    "small": ("vits", 24_785_089),
    "base": ("vitb", 97_470_785),
    "large": ("vitl", 335_315_649),
    "giant": ("vitg", 1_258_132_225),
}
# Trained on Hypersim and Virtual KITTI, whose depth the authors cap at 20 m and 80 m.
_METRIC_RANGES_M: dict[str, float] = {"indoor": 20.0, "outdoor": 80.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """One published model.

    Attributes:
        name: what users type.
        config: what to build.
        version: "v1" or "v2"; their files look the same, and only the version says which blocks to tap.
        parameters: count, all of them.
        licence: of the weights.  V1: Apache-2.0 by its author's word for all sizes.  V2: by size of the backbone; the metric
            fine-tunes carry no statement of their own and are listed under their backbone's.
        source: where the weights are published.
    """

    name: str
    config: DepthModelConfig
    version: str
    parameters: int
    licence: str
    source: str

    @property
    def kind(self) -> DepthKind:
        """The claim of the model's output."""
        return self.config.kind

    @property
    def unit(self) -> str | None:
        """Unit of the output, or None."""
        return self.kind.unit

    @property
    def max_depth_m(self) -> float | None:
        """The farthest depth the model can say, in metres; None for relative models."""
        return self.config.head.max_depth_m if isinstance(self.config.head, SigmoidHeadConfig) else None


def _v2(name: str, size: str, head: HeadConfig) -> Preset:
    encoder, parameters = _SIZES[size]
    return Preset(
        name=name,
        config=DepthModelConfig(encoder=encoder, head=head),
        version="v2",
        parameters=parameters,
        licence=_FREE if size == "small" else _NON_COMMERCIAL,
        source=_V2_SOURCE,
    )


def _v1(size: str) -> Preset:
    encoder, parameters = _SIZES[size]
    return Preset(
        name=f"depth-anything-v1-{size}",
        config=DepthModelConfig(encoder=encoder, taps=v1_taps(encoder)),
        version="v1",
        parameters=parameters,
        licence=_FREE,
        source=_V1_SOURCE,
    )


_RELEASED = ("small", "base", "large")
_ALL = (
    *(_v2(f"depth-anything-v2-{size}", size, RelativeHeadConfig()) for size in _SIZES),
    *(
        _v2(f"depth-anything-v2-metric-{scene}-{size}", size, SigmoidHeadConfig(max_depth_m=range_m))
        for scene, range_m in _METRIC_RANGES_M.items()
        for size in _RELEASED
    ),
    *(_v1(size) for size in _RELEASED),
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
