# SPDX-License-Identifier: Apache-2.0
"""Flags of the stereo recipe: presets, one-flag changes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from leadline.cli.arguments import parse
from leadline.contracts.errors import UsageError
from leadline.recipes.stereo.config import StereoConfig
from tests.recipes.stereo.toy import toy_config

PUBLISHED = "tio_depth-dinov2b_384crop256_kitti_stereo"


def parsed(*words: str) -> StereoConfig:
    return parse(StereoConfig, list(words), prog="leadline train stereo", takes_config=True).value


def test_the_published_name__means_what_it_says() -> None:
    config = parsed("--config", PUBLISHED)
    assert (config.encoder, config.full_size, config.target_size) == ("dinov2b", (384, 1280), (256, 832))
    assert (config.batch_size, config.num_epochs, config.lr, config.beta1) == (8, 50, 1e-4, 0.5)
    assert config.network().pyramid.strides == (4, 8, 16, 32)


def test_the_base_network__resolves_by_name_and_another_size_is_one_flag() -> None:
    base, large = parsed("--config", "tio_depth_dinov2"), parsed("--config", "tio_depth_dinov2", "--encoder", "dinov2l")
    assert (base.encoder, large.encoder) == ("dinov2b", "dinov2l")
    assert base.network().levels == 49


@pytest.mark.parametrize("name", ["dinov2s", "dinov2b", "dinov2l", "dinov2g", "swin_t", "resnet18", "resnet34", "resnet50"])
def test_every_encoder__is_one_flag(name: str) -> None:
    assert parsed("--encoder", name).network().pyramid.encoder == name


def test_an_unknown_encoder__is_answered_with_the_valid_ones() -> None:
    with pytest.raises(UsageError, match=r"dinov2s.*dinov2g.*swin_t.*resnet50.*'dinov2x'"):
        parsed("--encoder", "dinov2x")


def test_stages__are_data_with_the_published_defaults() -> None:
    mono, stereo, refine = StereoConfig().stages()
    assert [one.start_epoch for one in (mono, stereo, refine)] == [1, 21, 31]
    assert mono.trains == {"backbone": 1.0, "neck": 1.0, "decoder": 1.0}
    assert stereo.trains == {"matching": 1.0, "decoder": 0.1}
    assert refine.trains == {"refined": 1.0, "decoder": 0.1}
    assert mono.losses == {"photometric": 1.0, "perceptual": 0.01, "smooth": 0.0008}
    assert stereo.losses == {"photometric": 1.0, "smooth": 0.008, "cost": 0.01, "gradient": 0.01, "out-of-view": 0.01}
    assert [one.milestones for one in (mono, stereo, refine)] == [(20, 30, 40, 45), (30, 40, 45), (40, 45)]


def test_a_stage_left_out__takes_its_part_of_the_network_along() -> None:
    config = toy_config(start_refine=0)
    assert [one.name for one in config.stages()] == ["mono", "stereo"]
    assert (config.network().refined, config.network().monocular, config.network().matching) == (False, "raw", True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"start_mono": 0}, "a stage that starts with epoch 1"),
        ({"train_mono": ("decodr",)}, "did you mean decoder"),
        ({"train_mono": ("matching",)}, "parts that stage mono reaches"),
        ({"train_stereo": ("matching=fast",)}, "numbers of 0 or more"),
        ({"train_stereo": ("matching", "matching=2")}, "name each once"),
        ({"loss_stereo": ("photometric=0",)}, "a loss above 0 in --loss-stereo"),
        ({"loss_refine": ("photometric",)}, "--loss-refine with NAME=NUMBER of distillation"),
        ({"milestones_mono": (5, 3)}, "rising epochs"),
        ({"target_size": (128, 128)}, "--target-size of at most"),
        ({"scale_range": (1.5, 0.5)}, "rising factors"),
        ({"rotate_deg": 1.0}, "no --rotate-deg"),
        ({"cache_features": "memory"}, "no --cache-features"),
        ({"resize": "squash"}, "no --resize"),
        ({"pair_baseline": 0.0}, "--pair-baseline above 0"),
        ({"full_size": (64,)}, "--full-size HEIGHT WIDTH"),
        ({"pretrained_least_share": 2.0}, "--pretrained-least-share"),
    ],
)
def test_what_cannot_be_meant__is_refused_in_one_line(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as refusal:
        toy_config(**changes)
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)
