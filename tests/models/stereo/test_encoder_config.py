# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

from leadline.contracts.errors import UsageError
from leadline.models.stereo.encoder_config import ENCODERS, TOY_ENCODERS, PyramidConfig


def test_pyramid_config__defaults_to_what_the_reference_ends_on() -> None:
    config = PyramidConfig()
    assert (config.encoder, config.pyramid_source, config.align) == ("dinov2b", "reassemble", "exact")
    assert (config.normalisation, config.strides) == ("imagenet", (4, 8, 16, 32))
    assert config.dino is not None
    assert (config.dino.dim, config.dino.channels, config.dino.features) == (768, (96, 192, 384, 768), 128)


def test_pyramid_config__gives_an_unknown_encoder_the_nearest_and_all_valid_names() -> None:
    with pytest.raises(UsageError) as caught:
        PyramidConfig(encoder="dinov2x")
    told = str(caught.value)
    assert "'dinov2x'" in told
    assert "did you mean dinov2" in told
    offered = told.partition("one of ")[2].partition(" for ")[0].split(", ")
    assert set(offered) == set(ENCODERS) - TOY_ENCODERS
    assert {"dinov2s", "dinov2b", "dinov2l", "dinov2g", "swin_t", "resnet18", "resnet34", "resnet50"} <= set(offered)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pyramid_source": "taps"}, "reassemble, rn, fused"),
        ({"base_stride": 8}, "(2, 4)"),
        ({"align": "corners"}, "exact, native"),
        ({"size_policy": "crop"}, "resize, pad, error"),
        ({"normalisation": "imagnet"}, "did you mean imagenet"),
        ({"encoder": "swin_t", "pyramid_source": "rn"}, "no DINOv2"),
        ({"drop_path": 0.1}, "above 0 for Swin only"),
        ({"encoder": "swin_t", "drop_path": 1.0}, "below 1"),
        ({"encoder": "swin_t", "drop_path": -0.1}, "from 0"),
    ],
)
def test_pyramid_config__refuses_what_cannot_be_meant(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        PyramidConfig(**wrong)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("encoder", "base_stride", "align", "strides"),
    [
        ("dinov2s", 4, "exact", (4, 8, 16, 32)),
        ("dinov2s", 2, "exact", (2, 4, 8, 16)),
        ("dinov2s", 4, "native", (3.5, 7, 14, 28)),
        ("dinov2s", 2, "native", (1.75, 3.5, 7, 14)),
        ("swin_t", 2, "native", (2, 4, 8, 16)),
        ("resnet18", 4, "native", (4, 8, 16, 32)),
    ],
)
def test_strides__are_the_true_ones(encoder: str, base_stride: int, align: str, strides: tuple[float, ...]) -> None:
    config = PyramidConfig(encoder=encoder, base_stride=base_stride, align=align)  # type: ignore[arg-type]
    assert config.strides == strides


def test_drop_path_rate__is_tio_depths_for_swin_unless_said() -> None:
    assert PyramidConfig(encoder="swin_t").drop_path_rate == 0.3
    assert PyramidConfig(encoder="swin_t", drop_path=0.0).drop_path_rate == 0.0
    assert PyramidConfig(encoder="swin_t", drop_path=0.1).drop_path_rate == 0.1
    assert PyramidConfig(encoder="dinov2s").drop_path_rate == 0.0
    assert PyramidConfig(encoder="resnet18").drop_path_rate == 0.0


def test_to_dict__comes_back() -> None:
    config = PyramidConfig(encoder="swin_t", base_stride=2, size_policy="pad", normalisation="tio", drop_path=0.2)
    assert PyramidConfig.from_dict(config.to_dict()) == config
    assert PyramidConfig.from_dict({}) == PyramidConfig()


def test_from_dict__names_an_unknown_field() -> None:
    with pytest.raises(UsageError, match="did you mean encoder"):
        PyramidConfig.from_dict({"encodr": "dinov2s"})


def test_configs__are_read_without_torch() -> None:
    script = "import leadline.models.stereo.encoder_config, leadline.models.stereo.adaptation_config, sys; "
    script += "print([name for name in ('torch', 'numpy') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
