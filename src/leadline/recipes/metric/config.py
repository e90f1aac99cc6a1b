# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``metric`` recipe: flag, default and meaning.  Free of torch, so that ``--help`` is quick.

The names and defaults of most of them are those of the DA2+Zoe reference trainer, whose command lines keep working; what
it lacked stands beside, here or among the flags that recipes share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from leadline.recipes.supervised.data_config import DataConfig
from leadline.recipes.supervised.run_config import require


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricConfig(DataConfig):
    """DINOv2 (or any timm) encoder, DPT decoder and ZoeDepth's metric bins, trained for metres."""

    recipe: ClassVar[str] = "metric"

    encoder: str = "vitl"
    """vits, vitb, vitl, vitg (DINOv2 with the Depth Anything V2 taps), or timm:NAME for any timm backbone."""
    taps: Literal["v2", "v1"] = "v2"
    """Which blocks of a DINOv2 encoder are tapped: Depth Anything V2's spread ones, or V1's last four."""
    head: Literal["bins", "sigmoid"] = "bins"
    """ZoeDepth's metric bins, or sigmoid x max-depth as in the metric Depth Anything V2 models."""
    feature_mode: Literal["zoe", "stride8"] = "zoe"
    """What the head sees: the taps ZoeDepth takes from Depth Anything, or a pyramid at exactly 1/8, 1/16, 1/32."""
    n_bins: int = 64
    """Number of depth bins."""
    bin_centers_type: Literal["normed", "softplus", "hybrid1", "hybrid2"] = "softplus"
    """Bounded or unbounded seed centres and attractors (ZoeDepth, arXiv 2302.12288)."""
    bin_embedding_dim: int = 128
    """Channels of the bin embedding."""
    n_attractors: tuple[int, ...] = (16, 8, 4, 1)
    """Attractors per level, coarse to fine; exactly four."""
    attractor_alpha: float = 300.0
    """Inverse strength of the pull; live, unlike in the released code."""
    attractor_gamma: int = 2
    """Exponent of the pull; live, unlike in the released code."""
    attractor_kind: Literal["sum", "mean"] = "sum"
    """How the attractors of a level combine; released ZoeDepth weights use mean."""
    attractor_type: Literal["inv", "exp"] = "inv"
    """Form of the pull; inv is the better one in the paper's table 5."""
    min_temp: float = 5.0
    """Lowest temperature of the log-binomial; released ZoeDepth weights use 0.0212."""
    max_temp: float = 50.0
    """Highest temperature of the log-binomial."""
    compat: bool = False
    """Pin what released ZoeDepth weights were trained with: alpha 300, gamma 2, raw bounded attractors."""
    decoder_features: int | None = None
    """Channels of the DPT decoder; None takes the encoder's published table."""
    train_encoder: bool = False
    """Train the encoder too; otherwise it stays frozen, bit for bit."""
    encoder_lr_factor: float = 10.0
    """The encoder learns at lr / factor."""
    use_lr_params: bool = True
    """Learning rate per part of the model; off trains all parts at lr."""
    silog_weight: float = 1.0
    """Weight of ZoeDepth's SILog loss; 0 skips it."""
    grad_weight: float = 0.5
    """Weight of ZoeDepth's gradient loss; 0 skips it."""
    metric_silog_weight: float = 0.5
    """Weight of Depth Anything V2's SiLog loss; 0 skips it."""
    pretrained_checkpoint: str = ""
    """Weights to start from: ours, official Depth Anything (V1, V2, metric), DINOv2, npz, safetensors."""
    pretrained_version: Literal["auto", "v1", "v2"] = "auto"
    """Which Depth Anything a bare file is, where its name does not say."""

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        require(
            self.encoder_lr_factor > 0,
            "--encoder-lr-factor above 0",
            self.encoder_lr_factor,
            "leave --train-encoder off to freeze the encoder",
        )
        weights = (self.silog_weight, self.grad_weight, self.metric_silog_weight)
        require(
            min(weights) >= 0 and max(weights) > 0, "loss weights of 0 or more, not all 0", weights, "raise --silog-weight"
        )
