# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.dinov2 import DinoVisionTransformer
from leadline.models.encoder import build_encoder
from leadline.models.encoder_sizes import DINOV2_SIZES
from leadline.models.timm_encoder import TimmStages


def test_build_encoder__takes_the_official_taps_unless_told() -> None:
    encoder = build_encoder(DepthModelConfig(encoder="dinov2-tiny"))
    assert isinstance(encoder, DinoVisionTransformer)
    assert encoder.taps == DINOV2_SIZES["dinov2-tiny"].taps
    told = build_encoder(DepthModelConfig(encoder="dinov2-tiny", taps=v1_taps("dinov2-tiny"), position_rule="size"))
    assert isinstance(told, DinoVisionTransformer)
    assert (told.taps, told.position_rule) == ((8, 9, 10, 11), "size")


def test_build_encoder__knows_timm_by_its_prefix() -> None:
    assert isinstance(build_encoder(DepthModelConfig(encoder="timm:resnet18")), TimmStages)
