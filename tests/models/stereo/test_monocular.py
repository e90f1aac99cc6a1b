# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.contracts.depth_map import DepthKind
from leadline.inference.predictor import Predictor
from leadline.models.stereo.checkpoint import build_network
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.monocular import MonocularPath
from tests.models.stereo.tio_fixture import TOY

RIG = TrainingRig(baseline_m=0.2, focal_px=200.0, width_px=256.0)
METRIC = replace(TOY, rig=RIG, input_size=(64, 96))
SIGMOID = replace(TOY, decoder="sigmoid", matching=False, refined=False, monocular="raw")
CASES = [
    (TOY, DepthKind.STEREO_DISPARITY),
    (METRIC, DepthKind.METRIC),
    (SIGMOID, DepthKind.SCALE_INVARIANT),
    (replace(SIGMOID, rig=RIG), DepthKind.METRIC),
]


def path(config: StereoModelConfig) -> MonocularPath:
    torch.manual_seed(0)
    return MonocularPath(build_network(config)).eval()


def image() -> Tensor:
    return torch.rand(2, 3, 42, 70, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(("config", "kind"), CASES)
@torch.no_grad()
def test_path__claims_what_its_network_can(config: StereoModelConfig, kind: DepthKind) -> None:
    model = path(config)
    assert model.kind is kind
    assert model.config.kind is kind
    depth = model(image())
    assert depth.shape == (2, 42, 70)
    assert (depth > 0).all()


@pytest.mark.parametrize("config", [TOY, METRIC])
@torch.no_grad()
def test_path__says_what_the_network_says_of_unchanged_images(config: StereoModelConfig) -> None:
    model = path(config)
    full = model.predict_full(model.normalisation.apply(image()))
    depth, probabilities = model.network.monocular(image())
    assert torch.equal(full.depth, depth)
    assert full.bin_probabilities is not None
    assert probabilities is not None
    assert torch.equal(full.bin_probabilities, probabilities)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(2, 42, 70))


@pytest.mark.parametrize("encoder", ["dinov2-toy", "swin-toy"])
def test_size_multiple__is_that_of_the_encoder(encoder: str) -> None:
    model = path(replace(TOY, pyramid=PyramidConfig(encoder=encoder)))
    assert model.size_multiple == (14 if encoder == "dinov2-toy" else 32)


def test_config__says_what_prediction_needs() -> None:
    config = path(METRIC).config
    assert (config.encoder, config.input_size, config.interpolation) == ("dinov2-toy", 64, "antialiased")
    assert path(TOY).config.input_size is None
    assert config.to_dict() == {"family": "stereo"} | METRIC.to_dict()
    assert config.size is not None
    assert path(replace(TOY, pyramid=PyramidConfig(encoder="swin-toy"))).config.size is None


@pytest.mark.parametrize("config", [TOY, replace(TOY, monocular="raw"), SIGMOID])
@torch.no_grad()
def test_before_read_out__is_the_last_layer_of_the_path_that_speaks(config: StereoModelConfig) -> None:
    model, calls = path(config), []
    model.before_read_out.register_forward_hook(lambda *_: calls.append(1))
    model(image())
    assert calls == [1]


@pytest.mark.parametrize(("config", "kind"), CASES)
def test_predictor__takes_it(config: StereoModelConfig, kind: DepthKind) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)
    found = Predictor(path(config), device="cpu", precision="fp32", input_size=42).predict(picture)
    assert found.kind is kind
    assert found.values.shape == (50, 80)
    assert (found.confidence is None) == (config.decoder == "sigmoid")


def test_predictor__gives_disparity_in_pixels_of_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (56, 84, 3), dtype=np.uint8)
    model = path(replace(TOY, pyramid=replace(TOY.pyramid, base_stride=4)))
    own = Predictor(model, device="cpu", precision="fp32", input_size=56).predict(picture)
    half = Predictor(model, device="cpu", precision="fp32", input_size=28 + 14).predict(picture)
    seen = model(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0]
    assert np.allclose(own.values, seen.detach().numpy(), rtol=1e-4)
    assert half.values.mean() / own.values.mean() == pytest.approx(56 / 42, rel=0.3)
