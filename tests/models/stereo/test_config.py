# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig

RIG = TrainingRig(baseline_m=0.54, focal_px=721.54, width_px=1244.0)
FULL = StereoModelConfig(
    pyramid=PyramidConfig(encoder="swin_t", base_stride=2), decoder_channels=(8, 8, 16, 16), rig=RIG, input_size=(96, 320)
)
SIGMOID = {"decoder": "sigmoid", "matching": False, "refined": False, "monocular": "raw"}


@pytest.mark.parametrize("config", [StereoModelConfig(), FULL])
def test_config__comes_back_from_json(config: StereoModelConfig) -> None:
    assert StereoModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"decoder": "cost"}, "volume, sigmoid"),
        ({"monocular": "fine"}, "refined, raw"),
        ({"decoder_channels": (16, 16, 32)}, "4 decoder channels"),
        ({"decoder_channels": (16, 16, 32, 2)}, "at least 4"),
        ({"levels": 1}, "two disparity levels"),
        ({"least_disparity_px": 0.0}, "above 0 px"),
        ({"greatest_disparity_px": 1.0}, "below the greatest"),
        ({"input_size": (0, 32)}, "at least 1 px"),
        ({"refined": False}, "monocular raw"),
        ({"decoder": "sigmoid"}, "no volume"),
    ],
)
def test_config__refuses_what_cannot_be_meant(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        replace(StereoModelConfig(), **changed)


def test_from_dict__names_an_unknown_field() -> None:
    with pytest.raises(UsageError, match="matchign"):
        StereoModelConfig.from_dict(StereoModelConfig().to_dict() | {"matchign": True})
    with pytest.raises(UsageError, match="focal"):
        StereoModelConfig.from_dict(FULL.to_dict() | {"rig": {"focal": 3.0}})


def test_kind__is_metric_where_the_rig_is_known() -> None:
    assert FULL.kind is DepthKind.METRIC
    assert StereoModelConfig().kind is DepthKind.STEREO_DISPARITY
    assert replace(StereoModelConfig(), **SIGMOID).kind is DepthKind.SCALE_INVARIANT  # type: ignore[arg-type]


def test_rig__turns_disparity_into_metres_in_proportion_to_the_width() -> None:
    assert RIG.depth_times_disparity(1280) == pytest.approx(400.907, abs=1e-3)
    assert RIG.depth_times_disparity(1260) == pytest.approx(394.643, abs=1e-3)


@pytest.mark.parametrize("name", ["baseline_m", "focal_px", "width_px"])
def test_rig__refuses_lengths_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="above 0"):
        replace(RIG, **{name: 0.0})


def test_config__does_without_torch() -> None:
    code = "import sys, leadline.models.stereo.config; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
