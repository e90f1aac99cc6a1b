# SPDX-License-Identifier: Apache-2.0
"""Which network a recipe trains and what it begins with, flag by flag.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leadline.contracts.errors import require
from leadline.recipes.supervised.data_config import DataConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig(DataConfig):
    """Flags of every recipe that trains a Depth Anything network: an encoder with a DPT decoder."""

    encoder: str = "vits"
    """vits, vitb, vitl, vitg (DINOv2 with the Depth Anything taps), or timm:NAME for any timm backbone."""
    taps: Literal["v2", "v1"] = "v2"
    """Which blocks of a DINOv2 encoder are tapped: Depth Anything V2's spread ones, or V1's last four."""
    decoder_features: int | None = None
    """Channels of the DPT decoder; None takes the encoder's published table."""
    encoder_lr_factor: float = 10.0
    """An encoder that learns, learns at lr / factor."""
    pretrained_checkpoint: str = ""
    """Weights to start from: ours, official Depth Anything (V1, V2, metric), DINOv2, npz, safetensors."""
    pretrained_version: Literal["auto", "v1", "v2"] = "auto"
    """Which Depth Anything a bare file is, where its name does not say."""

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        require(self.encoder_lr_factor > 0, "--encoder-lr-factor above 0", self.encoder_lr_factor, "e.g. 10")
