# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.models.depth_model import DepthModel
from leadline.models.presets import PRESETS

SIZES = {"small": 24_785_089, "base": 97_470_785, "large": 335_315_649, "giant": 1_258_132_225}


@pytest.mark.parametrize("name", PRESETS)
def test_preset__has_the_published_number_of_parameters(name: str) -> None:
    preset = PRESETS[name]
    with torch.device("meta"):
        model = DepthModel(preset.config)
    assert preset.parameters == sum(one.numel() for one in model.parameters()) == SIZES[name.rsplit("-", 1)[1]]
    assert len(model.state_dict()) == {"small": 239, "base": 239, "large": 407, "giant": 631}[name.rsplit("-", 1)[1]]
    assert (preset.name, preset.kind) == (name, model.kind)


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


def test_presets__of_version_1_tap_the_last_four_blocks() -> None:
    assert PRESETS["depth-anything-v1-large"].config.taps == (20, 21, 22, 23)
    assert PRESETS["depth-anything-v2-large"].config.taps is None
