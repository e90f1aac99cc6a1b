# SPDX-License-Identifier: Apache-2.0
"""Published models by name: a name enters, what to build, what it claims and its licence leave; no weights."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.contracts.depth_map import DepthKind
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.head_config import (
    RELEASED_MIN_TEMP,
    BinCentersType,
    HeadConfig,
    MetricBinsHeadConfig,
    RelativeHeadConfig,
    RoutedBinsHeadConfig,
    SigmoidHeadConfig,
)

_V1_SOURCE = "https://github.com/LiheYoung/Depth-Anything"
_V2_SOURCE = "https://github.com/DepthAnything/Depth-Anything-V2"
_ZOE_SOURCE = "https://github.com/isl-org/ZoeDepth"
_FREE, _NON_COMMERCIAL, _MIT = "Apache-2.0", "CC-BY-NC-4.0", "MIT"

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
        version: of Depth Anything, "v1" or "v2", whose files look the same and only the version says which blocks to tap;
            None where there is nothing to confuse.
        parameters: count, all of them.
        licence: of the weights.  V1: Apache-2.0 by its author's word for all sizes.  V2: by size of the backbone; the metric
            fine-tunes carry no statement of their own and are listed under their backbone's.  ZoeDepth: that of its code,
            which its weights are released with.
        source: where the weights are published.
        download: what to type to have them fetched from the Hugging Face hub, or None where it has no such files.
    """

    name: str
    config: DepthModelConfig
    version: str | None
    parameters: int
    licence: str
    source: str
    download: str | None = None

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
        return None if isinstance(self.config.head, RelativeHeadConfig) else self.config.head.max_depth_m


def _v2(name: str, size: str, head: HeadConfig) -> Preset:
    encoder, parameters = _SIZES[size]
    return Preset(
        name=name,
        config=DepthModelConfig(encoder=encoder, head=head),
        version="v2",
        parameters=parameters,
        licence=_FREE if size == "small" else _NON_COMMERCIAL,
        source=_V2_SOURCE,
        download=None if size == "giant" else f"hf:depth-anything/{_titled(name)}-hf",
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
        download=f"hf:LiheYoung/depth-anything-{size}-hf",
    )


def _titled(name: str) -> str:
    """As the hub spells it: ``depth-anything-v2-small`` -> ``Depth-Anything-V2-Small``."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _zoe_bins(max_depth_m: float, centers: BinCentersType = "softplus") -> MetricBinsHeadConfig:
    """The released options; their alpha of 1000 never reaches the arithmetic, which ``compat`` pins to what it is."""
    return MetricBinsHeadConfig(
        bin_centers_type=centers,
        max_depth_m=max_depth_m,
        attractor_kind="mean",
        min_temp=RELEASED_MIN_TEMP,
        compat=True,
    )


def _zoe_on_depth_anything(scene: str, max_depth_m: float) -> Preset:
    return Preset(
        name=f"zoedepth-depth-anything-{scene}",
        config=DepthModelConfig(
            encoder="vitl", taps=v1_taps("vitl"), head=_zoe_bins(max_depth_m), input_size=392, interpolation="bilinear"
        ),
        version="v1",
        parameters=335_793_794,
        licence=_FREE,
        source=f"{_V1_SOURCE}/tree/main/metric_depth",
    )


def _zoe_on_beit(data: str, head: HeadConfig, parameters: int) -> Preset:
    return Preset(
        name=f"zoedepth-{data}",
        config=DepthModelConfig(encoder="beitl", head=head, input_size=384, interpolation="bilinear"),
        version=None,
        parameters=parameters,
        licence=_MIT,
        source=_ZOE_SOURCE,
        download=f"hf:Intel/zoedepth-{data}",
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
    _zoe_on_depth_anything("indoor", 10.0),
    _zoe_on_depth_anything("outdoor", 80.0),
    _zoe_on_beit("nyu", _zoe_bins(10.0), 343_789_698),
    _zoe_on_beit("kitti", _zoe_bins(80.0, "normed"), 343_793_439),
    _zoe_on_beit("nyu-kitti", RoutedBinsHeadConfig(compat=True), 345_073_307),
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
