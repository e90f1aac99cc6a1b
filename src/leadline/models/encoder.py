# SPDX-License-Identifier: Apache-2.0
"""The one place that turns an encoder's name into a network: a configuration enters, DINOv2, BEiT or any of timm leaves."""

from __future__ import annotations

from leadline.models.beit import BeitVisionTransformer
from leadline.models.config import TIMM_PREFIX, DepthModelConfig
from leadline.models.dinov2 import DinoVisionTransformer
from leadline.models.timm_encoder import TimmStages, TimmTransformer, build_timm_encoder

Encoder = DinoVisionTransformer | BeitVisionTransformer | TimmStages | TimmTransformer


def build_encoder(config: DepthModelConfig, *, pretrained: bool = False) -> Encoder:
    """Build the encoder a configuration names; ``pretrained`` matters to timm backbones only (fetched from the network).

    Every encoder maps a normalised (B,3,H,W) image to ``Features`` and says what to expect in ``.layout``.

    Raises:
        UsageError: a timm backbone that does not exist or cannot serve.
    """
    if config.beit is not None:
        return BeitVisionTransformer(config.beit, config.taps or config.beit.taps)
    if config.size is None:
        return build_timm_encoder(config.encoder.removeprefix(TIMM_PREFIX), config.taps, pretrained=pretrained)
    return DinoVisionTransformer(config.size, config.taps or config.size.taps, config.position_rule)
