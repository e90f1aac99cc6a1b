# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``metric`` recipe: flag, default and meaning.  Free of torch, so that ``--help`` is quick.

The names and defaults of most of them are those of the DA2+Zoe reference trainer, whose command lines keep working; what
it lacked stands beside, here or among the flags that recipes share.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from leadline.contracts.errors import require
from leadline.models.config import FeatureMode
from leadline.models.head_config import AttractorKind, AttractorType, BinCentersType, MetricBinsHeadConfig
from leadline.recipes.supervised.network_config import NetworkConfig

if TYPE_CHECKING:
    from leadline.data.request import OptionValue

_HEAD = MetricBinsHeadConfig()


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricConfig(NetworkConfig):
    """DINOv2 (or any timm) encoder, DPT decoder and ZoeDepth's metric bins, trained for metres."""

    recipe: ClassVar[str] = "metric"
    root_flags: ClassVar[dict[str, str]] = {
        **NetworkConfig.root_flags,
        "nyu": "nyu_root",
        "sunrgbd": "sunrgbd_root",
        "ibims": "ibims_root",
        "da2k": "da2k_root",
    }
    list_flags: ClassVar[dict[str, str]] = {"nyu": "nyu_csv", "sunrgbd": "sunrgbd_json", "da2k": "da2k_annotation"}

    encoder: str = "vitl"
    """vits, vitb, vitl, vitg (DINOv2 with the Depth Anything taps), or timm:NAME for any timm backbone."""
    head: Literal["bins", "sigmoid"] = "bins"
    """ZoeDepth's metric bins, or sigmoid x max-depth as in the metric Depth Anything V2 models."""
    feature_mode: FeatureMode = "zoe"
    """What the head sees: the taps ZoeDepth takes from Depth Anything, or a pyramid at exactly 1/8, 1/16, 1/32."""
    n_bins: int = _HEAD.n_bins
    """Number of depth bins."""
    bin_centers_type: BinCentersType = _HEAD.bin_centers_type
    """Bounded or unbounded seed centres and attractors (ZoeDepth, arXiv 2302.12288)."""
    bin_embedding_dim: int = _HEAD.bin_embedding_dim
    """Channels of the bin embedding."""
    n_attractors: tuple[int, ...] = _HEAD.n_attractors
    """Attractors per level, coarse to fine; exactly four."""
    attractor_alpha: float = _HEAD.attractor_alpha
    """Inverse strength of the pull; live, unlike in the released code."""
    attractor_gamma: int = _HEAD.attractor_gamma
    """Exponent of the pull; live, unlike in the released code."""
    attractor_kind: AttractorKind = _HEAD.attractor_kind
    """How the attractors of a level combine; released ZoeDepth weights use mean."""
    attractor_type: AttractorType = _HEAD.attractor_type
    """Form of the pull; inv is the better one in the paper's table 5."""
    min_temp: float = _HEAD.min_temp
    """Lowest temperature of the log-binomial; released ZoeDepth weights use 0.0212."""
    max_temp: float = _HEAD.max_temp
    """Highest temperature of the log-binomial."""
    compat: bool = _HEAD.compat
    """Pin what released ZoeDepth weights were trained with: alpha 300, gamma 2, raw bounded attractors."""
    train_encoder: bool = False
    """Train the encoder too; otherwise it stays frozen, bit for bit."""
    use_lr_params: bool = True
    """Learning rate per part of the model; off trains all parts at lr."""
    silog_weight: float = 1.0
    """Weight of ZoeDepth's SILog loss; 0 skips it."""
    grad_weight: float = 0.5
    """Weight of ZoeDepth's gradient loss; 0 skips it."""
    metric_silog_weight: float = 0.5
    """Weight of Depth Anything V2's SiLog loss; 0 skips it."""
    nyu_csv: Path | None = None
    """CSV (rgb,depth) or text list (rgb depth focal) of NYU Depth v2; by default the usual one below its folder."""
    nyu_root: Path | None = None
    """Folder the paths of the NYU list are relative to."""
    sunrgbd_json: Path | None = None
    """JSON list of SUN RGB-D; without it the tree below the root is scanned."""
    sunrgbd_root: Path | None = None
    """Folder that holds SUNRGBD/."""
    use_bfx_depth: bool = False
    """SUN RGB-D: the in-painted depth_bfx instead of the raw depth."""
    exclude_nyu_leak: bool = True
    """SUN RGB-D: leave out kv1/NYUdata, which holds all 654 NYU test pictures."""
    ibims_root: Path | None = None
    """Folder of iBims-1."""
    da2k_root: Path | None = None
    """Folder of DA-2K."""
    da2k_annotation: Path | None = None
    """annotations.json of DA-2K; by default the one in its root."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        weights = (self.silog_weight, self.grad_weight, self.metric_silog_weight)
        require(
            min(weights) >= 0 and max(weights) > 0, "loss weights of 0 or more, not all 0", weights, "raise --silog-weight"
        )

    def dataset_options(self, name: str) -> dict[str, OptionValue]:
        """The reference's two switches of SUN RGB-D."""
        return {"use_bfx_depth": self.use_bfx_depth, "exclude_nyu": self.exclude_nyu_leak} if name == "sunrgbd" else {}
