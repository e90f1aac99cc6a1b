# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.encoder_sizes import DINOV2_SIZES, TOY_SIZES
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, RelativeHeadConfig, SigmoidHeadConfig
from tests.models.test_calibration import CALIBRATION

HEADS: list[HeadConfig] = [
    RelativeHeadConfig(),
    SigmoidHeadConfig(max_depth_m=80.0),
    MetricBinsHeadConfig(n_bins=32, compat=True),
]


@pytest.mark.parametrize("head", HEADS)
def test_config__survives_json(head: HeadConfig) -> None:
    config = DepthModelConfig(encoder="vitb", taps=(1, 2, 3, 4), feature_mode="stride8", head=head)
    assert DepthModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_config__kind_follows_the_head() -> None:
    kinds = [DepthModelConfig(head=head).kind for head in HEADS]
    assert kinds == [DepthKind.AFFINE_DISPARITY, DepthKind.METRIC, DepthKind.METRIC]


def test_config__resolves_the_decoder_from_the_encoder_unless_told() -> None:
    assert (DepthModelConfig(encoder="vitl").features, DepthModelConfig(encoder="vitl").channels[0]) == (256, 256)
    assert DepthModelConfig(encoder="timm:resnet18").features == 64
    told = DepthModelConfig(encoder="vitl", decoder_features=32, decoder_channels=(8, 8, 8, 8))
    assert (told.features, told.channels) == (32, (8, 8, 8, 8))


def test_v1_taps__are_the_last_four_blocks_and_v2_taps_the_official_table() -> None:
    assert v1_taps("vits") == (8, 9, 10, 11)
    assert v1_taps("vitl") == (20, 21, 22, 23)
    assert [DINOV2_SIZES[name].taps for name in ("vits", "vitb", "vitl", "vitg")] == [
        (2, 5, 8, 11),
        (2, 5, 8, 11),
        (4, 11, 17, 23),
        (9, 19, 29, 39),
    ]


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: DepthModelConfig(encoder="vitx"), "did you mean vit"),
    (lambda: DepthModelConfig(taps=(1, 2, 3)), "4 rising taps"),
    (lambda: DepthModelConfig(taps=(3, 2, 4, 5)), "4 rising taps"),
    (lambda: DepthModelConfig(taps=(2, 5, 8, 12)), "taps below 12"),
    (lambda: DepthModelConfig(decoder_channels=(1, 2)), "4 decoder channels"),
    (lambda: DepthModelConfig(feature_mode="stride4"), "stride8"),  # type: ignore[arg-type]
    (lambda: DepthModelConfig(position_rule="offset"), "official"),  # type: ignore[arg-type]
    (lambda: SigmoidHeadConfig(max_depth_m=0), "max_depth_m above 0"),
    (lambda: SigmoidHeadConfig(max_depth_m=float("inf")), "max_depth_m above 0"),
    (lambda: SigmoidHeadConfig(max_depth_m=float("nan")), "max_depth_m above 0"),
    (lambda: MetricBinsHeadConfig(max_depth_m=float("inf")), "0 < min_depth_m < max_depth_m"),
    (lambda: MetricBinsHeadConfig(max_temp=float("inf")), "min_temp <= max_temp"),
    (lambda: MetricBinsHeadConfig(attractor_alpha=float("inf")), "attractor_alpha above 0"),
    (lambda: DepthModelConfig(decoder_features=0), "decoder widths and an input size of at least 1"),
    (lambda: DepthModelConfig(decoder_features=-1), "decoder widths and an input size of at least 1"),
    (lambda: DepthModelConfig(decoder_channels=(8, 8, 0, 8)), "decoder widths and an input size of at least 1"),
    (lambda: DepthModelConfig(input_size=0), "decoder widths and an input size of at least 1"),
    (lambda: MetricBinsHeadConfig(n_bins=1), "at least 2 bins"),
    (lambda: MetricBinsHeadConfig(min_depth_m=10, max_depth_m=1), "0 < min_depth_m < max_depth_m"),
    (lambda: MetricBinsHeadConfig(min_temp=60), "min_temp <= max_temp"),
    (lambda: MetricBinsHeadConfig(n_attractors=(16, 8)), "4 attractor counts"),
    (lambda: MetricBinsHeadConfig(min_temp=60), "correct --min-temp or --max-temp$"),
    (lambda: MetricBinsHeadConfig(n_attractors=(16, 8)), "correct --n-attractors$"),
    (lambda: MetricBinsHeadConfig(n_bins=1), "correct --n-bins$"),
    (lambda: SigmoidHeadConfig(max_depth_m=0), "correct the model configuration$"),
    (lambda: MetricBinsHeadConfig(bin_centers_type="soft"), "softplus"),  # type: ignore[arg-type]
    (lambda: MetricBinsHeadConfig(attractor_kind="max"), "mean"),  # type: ignore[arg-type]
    (lambda: MetricBinsHeadConfig(attractor_type="inverse"), "inv"),  # type: ignore[arg-type]
    (lambda: DepthModelConfig(decoder="unet"), "dpt, upsample for --decoder"),  # type: ignore[arg-type]
    (lambda: DepthModelConfig(decoder="upsample", decoder_channels=()), "one decoder channel or more"),
    (
        lambda: DepthModelConfig(decoder="upsample", decoder_channels=(8, 0)),
        "decoder widths and an input size of at least 1",
    ),
    (lambda: DepthModelConfig(decoder="upsample", feature_mode="stride8"), "feature_mode zoe with decoder upsample"),
    (lambda: DepthModelConfig(decoder="upsample", head=MetricBinsHeadConfig()), "sigmoid head .* got .MetricBinsHeadConfig"),
    (lambda: DepthModelConfig(normalisation="mean"), "own, imagenet"),  # type: ignore[arg-type]
    (lambda: DepthModelConfig(drop_path=0.1), "above 0 for timm encoders only"),
    (lambda: DepthModelConfig(encoder="timm:test_vit", drop_path=1.0), "drop_path from 0 to below 1"),
    (lambda: DepthModelConfig(encoder="timm:test_vit", drop_path=-0.1), "drop_path from 0 to below 1"),
    (lambda: DepthModelConfig.from_dict({"encodr": "vits"}), r"did you mean encoder\?"),
    (lambda: DepthModelConfig.from_dict({"head": {"type": "bins"}}), "metric_bins"),
]


@pytest.mark.parametrize(("mistake", "said"), MISTAKES)
def test_config__a_mistake_is_one_line(mistake: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        mistake()
    assert "\n" not in str(caught.value)


def test_config_and_presets__do_not_import_torch() -> None:
    code = "import sys, leadline.models.presets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_to_dict__holds_what_came_later_only_where_it_says_something() -> None:
    later = {"decoder": "upsample", "normalisation": "imagenet", "drop_path": 0.1}
    plain = DepthModelConfig(encoder="timm:test_vit")
    assert not later.keys() & plain.to_dict().keys()
    assert DepthModelConfig.from_dict(plain.to_dict()) == plain
    told = replace(plain, decoder="upsample", normalisation="imagenet", drop_path=0.1, decoder_channels=(8, 4))
    written = json.loads(json.dumps(told.to_dict()))
    assert {name: written[name] for name in later} == later
    assert DepthModelConfig.from_dict(written) == told


def test_config__widths_of_the_upsampling_decoder_are_the_references_unless_told() -> None:
    assert DepthModelConfig(encoder="vits", decoder="upsample").features == 256
    assert DepthModelConfig(encoder="vits", decoder="upsample", decoder_features=8).features == 8


def test_to_dict__holds_a_calibration_only_where_there_is_one() -> None:
    plain = DepthModelConfig(encoder="dinov2-toy")
    assert "calibration" not in plain.to_dict()
    calibrated = replace(plain, calibration=CALIBRATION)
    assert DepthModelConfig.from_dict(json.loads(json.dumps(calibrated.to_dict()))) == calibrated
    assert (plain.kind, calibrated.kind) == (DepthKind.AFFINE_DISPARITY, DepthKind.METRIC)
    assert calibrated.head_kind is DepthKind.AFFINE_DISPARITY


@pytest.mark.parametrize("name", ["dinov2-toi", "beit-toi"])
def test_config__a_wrong_encoder_is_offered_no_size_that_is_for_tests(name: str) -> None:
    with pytest.raises(UsageError, match=r"dinov2-nano, beitl, timm:<name> for --encoder") as caught:
        DepthModelConfig(encoder=name)
    assert not any(toy in str(caught.value) for toy in TOY_SIZES)
    with pytest.raises(UsageError) as by_taps:
        v1_taps(name)
    assert "toy" not in str(by_taps.value)


def test_config__toy_sizes_can_be_built_all_the_same() -> None:
    assert all(DepthModelConfig(encoder=name).features == 16 for name in TOY_SIZES)
