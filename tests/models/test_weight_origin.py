# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import WeightsError
from leadline.models.head_config import MetricBinsHeadConfig
from leadline.models.presets import PRESETS
from leadline.models.weight_origin import (
    declared_preset,
    declared_version,
    fitted_bins,
    known_preset,
    preset_by_name,
    version_by_name,
)

NAMES = {
    "depth_anything_v2_vits.pth": "depth-anything-v2-small",
    "depth_anything_v2_vitg.pth": "depth-anything-v2-giant",
    "depth_anything_v2_metric_hypersim_vitb.pth": "depth-anything-v2-metric-indoor-base",
    "depth_anything_v2_metric_vkitti_vitl.pth": "depth-anything-v2-metric-outdoor-large",
    "Depth-Anything-V2-Metric-Indoor-Small.safetensors": "depth-anything-v2-metric-indoor-small",
    "depth_anything_v2_small_partial.npz": "depth-anything-v2-small",
    "depth_anything_vits14.pth": "depth-anything-v1-small",
    "depth_anything_vitl14.pth": "depth-anything-v1-large",
    "depth-anything-small-hf": "depth-anything-v1-small",
    "Depth-Anything-V2-Metric-Outdoor-Large-hf": "depth-anything-v2-metric-outdoor-large",
    "depth_anything_metric_depth_indoor.pt": "zoedepth-depth-anything-indoor",
    "depth_anything_metric_depth_outdoor.pt": "zoedepth-depth-anything-outdoor",
    "ZoeD_M12_N.pt": "zoedepth-nyu",
    "ZoeD_M12_K.pt": "zoedepth-kitti",
    "ZoeD_M12_NK.pt": "zoedepth-nyu-kitti",
    "zoedepth-nyu": "zoedepth-nyu",
    "zoedepth-kitti": "zoedepth-kitti",
    "zoedepth-nyu-kitti": "zoedepth-nyu-kitti",
    "zoedepth_nightly.pt": None,
    "zoedepth.pt": None,
    "depth_anything_base.pth": None,
    "dinov2_vits14_pretrain.pth": None,
    "model.safetensors": None,
    "depth_anything_v2.pth": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_preset_by_name__knows_the_published_files_and_guesses_no_other(name: str) -> None:
    preset = preset_by_name(Path(name))
    assert (preset.name if preset else None) == NAMES[name]


def test_version_by_name__is_none_where_the_name_is_silent() -> None:
    assert version_by_name(Path("weights.pth")) is None
    assert version_by_name(Path("depth_anything_v2/weights.pth")) is None


def test_declared_version__needs_somebody_to_say_it() -> None:
    assert declared_version(Path("w.pth"), "v1") == "v1"
    assert declared_version(Path("depth_anything_v2_vits.pth"), None) == "v2"
    with pytest.raises(WeightsError, match=r"V1 or V2.*declare the version"):
        declared_version(Path("w.pth"), None)


def test_declared_version__a_v1_file_declared_as_v2_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"V2 file.*depth_anything_vits14.pth, which is V1"):
        declared_version(Path("depth_anything_vits14.pth"), "v2")


def test_declared_preset__needs_somebody_to_say_it() -> None:
    assert declared_preset(Path("w.pth"), "depth-anything-v2-base").name == "depth-anything-v2-base"
    with pytest.raises(
        WeightsError, match=r"V1 and V2, relative and metric.*depth-anything-v2-small.*depth-anything-v1-small"
    ):
        declared_preset(Path("w.pth"), None)


CONTRADICTIONS = [
    ("depth_anything_metric_depth_indoor.pt", "zoedepth-depth-anything-outdoor"),
    ("depth_anything_metric_depth_indoor.pt", "depth-anything-v1-large"),
    ("depth_anything_metric_depth_outdoor.pt", "depth-anything-v2-metric-outdoor-large"),
    ("ZoeD_M12_NK.pt", "zoedepth-nyu"),
    ("depth_anything_vitl14.pth", "zoedepth-depth-anything-indoor"),
    ("depth_anything_vits14.pth", "depth-anything-v2-small"),
    ("depth_anything_v2_vits.pth", "depth-anything-v1-small"),
    ("depth_anything_v2_vits.pth", "depth-anything-v2-metric-indoor-small"),
    ("depth_anything_v2_metric_hypersim_vits.pth", "depth-anything-v2-small"),
    ("depth_anything_v2_metric_hypersim_vits.pth", "depth-anything-v2-metric-outdoor-small"),
    ("depth_anything_v2_vits.pth", "depth-anything-v2-base"),
]


@pytest.mark.parametrize(("name", "architecture"), CONTRADICTIONS)
def test_declared_preset__a_file_name_that_says_otherwise_is_refused(name: str, architecture: str) -> None:
    with pytest.raises(WeightsError, match=name):
        declared_preset(Path(name), architecture)


def test_known_preset__suggests_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"did you mean depth-anything-v2-small\?$"):
        known_preset("depth-anything-v2-smal")
    with pytest.raises(WeightsError, match="leadline list models"):
        known_preset("qqqq")


def test_fitted_bins__the_file_says_whether_its_bins_are_bounded() -> None:
    config = PRESETS["zoedepth-depth-anything-outdoor"].config
    for width, expected in ((16, "softplus"), (32, "normed")):
        head = fitted_bins(config, {"head.attractors.0._net.2.weight": torch.zeros(width, 128, 1, 1)}).head
        assert isinstance(head, MetricBinsHeadConfig)
        assert head.bin_centers_type == expected
    assert fitted_bins(config, {}) == config
    assert fitted_bins(config, {"head.attractors.0._net.2.weight": torch.tensor(1.0)}) == config
    relative = PRESETS["depth-anything-v2-small"].config
    assert fitted_bins(relative, {"head.attractors.0._net.2.weight": torch.zeros(32, 1)}) == relative
