# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig
from leadline.models.hub import parse_hub_name
from leadline.models.presets import PRESETS
from leadline.models.weight_origin import preset_by_name

# Depth Anything: encoder and decoder.  ZoeDepth: with a head of 478 145 (unbounded), 481 886 (bounded) or NK's two sets.
SIZES = {
    "small": (24_785_089, 239),
    "base": (97_470_785, 239),
    "large": (335_315_649, 407),
    "giant": (1_258_132_225, 631),
    "zoedepth-depth-anything-indoor": (335_315_649 + 478_145, 453),
    "zoedepth-depth-anything-outdoor": (335_315_649 + 478_145, 453),
    "zoedepth-nyu": (343_311_553 + 478_145, 505),
    "zoedepth-kitti": (343_311_553 + 481_886, 505),
    "zoedepth-nyu-kitti": (345_073_307, 583),
}


@pytest.mark.parametrize("name", PRESETS)
def test_preset__has_the_published_number_of_parameters(name: str) -> None:
    preset = PRESETS[name]
    with torch.device("meta"):
        model = DepthModel(preset.config)
    counted = sum(one.numel() for one in model.parameters())
    assert (counted, len(model.state_dict())) == (SIZES.get(name) or SIZES[name.rsplit("-", 1)[1]])
    assert (preset.parameters, preset.name, preset.kind) == (counted, name, model.kind)


def test_presets__say_what_their_numbers_mean() -> None:
    relative, indoor, outdoor = (
        PRESETS[f"depth-anything-v2-{name}"] for name in ("small", "metric-indoor-base", "metric-outdoor-large")
    )
    assert (relative.kind, relative.unit, relative.max_depth_m) == (DepthKind.AFFINE_DISPARITY, None, None)
    assert (indoor.kind, indoor.unit, indoor.max_depth_m) == (DepthKind.METRIC, "m", 20.0)
    assert outdoor.max_depth_m == 80.0


def test_presets__name_the_licence_of_each_weight() -> None:
    assert PRESETS["depth-anything-v2-small"].licence == "Apache-2.0"
    assert PRESETS["depth-anything-v2-metric-outdoor-small"].licence == "Apache-2.0"
    for size in ("base", "large", "giant"):
        assert PRESETS[f"depth-anything-v2-{size}"].licence == "CC-BY-NC-4.0"
    assert {preset.licence for preset in PRESETS.values() if preset.version == "v1"} == {"Apache-2.0"}


def test_presets__say_how_their_training_brought_pictures_to_size() -> None:
    for name, preset in PRESETS.items():
        assert preset.config.interpolation == ("bilinear" if name.startswith("zoedepth") else "cubic"), name


def test_presets__of_version_1_tap_the_last_four_blocks() -> None:
    assert PRESETS["depth-anything-v1-large"].config.taps == (20, 21, 22, 23)
    assert PRESETS["depth-anything-v2-large"].config.taps is None


def test_presets__of_zoedepth_say_range_bins_and_blocks() -> None:
    indoor, outdoor = (PRESETS[f"zoedepth-depth-anything-{scene}"] for scene in ("indoor", "outdoor"))
    assert (indoor.max_depth_m, outdoor.max_depth_m) == (10.0, 80.0)
    assert indoor.config.taps == outdoor.config.taps == (20, 21, 22, 23)
    kitti, both = PRESETS["zoedepth-kitti"], PRESETS["zoedepth-nyu-kitti"]
    assert isinstance(kitti.config.head, MetricBinsHeadConfig)
    assert (kitti.config.head.bin_centers_type, kitti.max_depth_m) == ("normed", 80.0)
    assert isinstance(both.config.head, RoutedBinsHeadConfig)
    assert (both.config.head.routing, both.config.encoder, both.unit) == ("sample", "beitl", "m")
    assert {PRESETS[name].licence for name in ("zoedepth-nyu", "zoedepth-kitti", "zoedepth-nyu-kitti")} == {"MIT"}


def test_presets__name_what_fetches_them_in_words_that_lead_back() -> None:
    fetched = {name: preset.download for name, preset in PRESETS.items() if preset.download}
    assert len(fetched) == 15
    for name, download in fetched.items():
        named = preset_by_name(Path(parse_hub_name(download).repo))
        assert named is not None
        assert named.name == name
