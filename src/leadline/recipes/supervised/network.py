# SPDX-License-Identifier: Apache-2.0
"""The flags that describe a network, and a head, enter; what to build leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.head_config import HeadConfig, RelativeHeadConfig

if TYPE_CHECKING:
    from leadline.recipes.supervised.network_config import NetworkConfig


def network_with(head: HeadConfig, config: NetworkConfig) -> DepthModelConfig:
    """The network that the flags describe, ending in ``head``."""
    taps = v1_taps(config.encoder) if config.taps == "v1" else None
    return DepthModelConfig(encoder=config.encoder, taps=taps, decoder_features=config.decoder_features, head=head)


def disparity_network(config: NetworkConfig) -> DepthModelConfig:
    """The network that the flags describe, for disparity up to scale and shift."""
    return network_with(RelativeHeadConfig(), config)
