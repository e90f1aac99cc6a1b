# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.stereo.monocular_config import MonocularConfig


def test_monocular_config__defaults_are_monodepth2s() -> None:
    config = MonocularConfig()
    config.check_monocular()
    assert (config.frames, config.ssim_weight, config.reprojection_smooth, config.auto_mask) == ((-1, 1), 0.85, 1e-3, True)
    assert config.neighbours == "-1,1"
    assert MonocularConfig(frames=(2, -1)).neighbours == "-1,2"
    assert MonocularConfig(sources="pair", frames=()).neighbours == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"frames": (0, 1)}, "--frames each once and none 0"),
        ({"frames": (1, 1)}, "--frames each once"),
        ({"frames": ()}, "or --sources pair"),
        ({"ssim_weight": 1.1}, "--ssim-weight"),
        ({"reprojection_smooth": -1.0}, "--reprojection-smooth"),
        ({"mirror": 2.0}, "--mirror"),
        ({"pose_encoder": "vit"}, "--pose-encoder of resnet18, resnet34, resnet50"),
    ],
)
def test_monocular_config__names_the_flag_that_cannot_be_meant(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        MonocularConfig(**wrong).check_monocular()
