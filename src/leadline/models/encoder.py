# SPDX-License-Identifier: Apache-2.0
"""The one place that turns an encoder's name into a network: a configuration enters, DINOv2, BEiT or any of timm leaves."""

from __future__ import annotations

from leadline.models.beit import BeitVisionTransformer
from leadline.models.config import TIMM_PREFIX, DepthModelConfig
from leadline.models.dinov2 import DinoVisionTransformer
from leadline.models.head_config import LEVELS
from leadline.models.timm_encoder import TimmStages, TimmTransformer, build_timm_encoder

Encoder = DinoVisionTransformer | BeitVisionTransformer | TimmStages | TimmTransformer


def build_encoder(config: DepthModelConfig, *, pretrained: bool = False) -> Encoder:
    """Build the encoder a configuration names; ``pretrained`` matters to timm backbones only (fetched from the network).

    Every encoder maps a normalised (B,3,H,W) image to ``Features`` and says what to expect in ``.layout``.

    Raises:
        UsageError: a timm backbone that does not exist or cannot serve.
    """
    read = slice(-1, None) if config.decoder == "upsample" else slice(None)  # that decoder eats the last map only
    if config.beit is not None:
        return BeitVisionTransformer(config.beit, (config.taps or config.beit.taps)[read])
    if config.size is not None:
        return DinoVisionTransformer(config.size, (config.taps or config.size.taps)[read], config.position_rule)
    return build_timm_encoder(
        config.encoder.removeprefix(TIMM_PREFIX),
        config.taps and config.taps[read],
        levels=1 if config.decoder == "upsample" else LEVELS,
        drop_path=config.drop_path,
        pretrained=pretrained,
    )
