# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.inference.runtimes.sessions import open_session
from leadline.inference.runtimes.traced_network import CONFIDENCE, DEPTH, TracedMonocular, TracedNetwork, write_network
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, RelativeHeadConfig, SigmoidHeadConfig
from leadline.models.stereo.checkpoint import build_network
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.monocular import MonocularPath


def toy(head: HeadConfig) -> DepthModel:
    torch.manual_seed(0)
    return DepthModel(DepthModelConfig(encoder="dinov2-toy", head=head)).eval()


def test_traced_network__says_what_the_model_says_and_hands_out_where_to_cut() -> None:
    image = torch.rand(2, 3, 28, 42)
    for head, outputs in ((RelativeHeadConfig(), 2), (MetricBinsHeadConfig(), 8)):
        model = toy(head)
        with torch.no_grad():
            given = TracedNetwork(model)(image)
            assert len(given) == outputs
            torch.testing.assert_close(given[0], model(image))


def stereo(**config: Any) -> MonocularPath:
    torch.manual_seed(0)
    toy_pyramid = PyramidConfig(encoder="dinov2-toy")
    return MonocularPath(
        build_network(StereoModelConfig(pyramid=toy_pyramid, decoder_channels=(8, 8, 8, 8), levels=9, **config))
    ).eval()


@pytest.mark.parametrize("monocular", ["refined", "raw"])
def test_traced_monocular__says_what_one_eye_says_with_its_confidence_and_one_cut(monocular: str) -> None:
    model = stereo(monocular=monocular)
    image = torch.rand(2, 3, 70, 84)
    with torch.no_grad():
        depth, confidence, cut = TracedMonocular(model)(image)
        full = model.predict_full(image)
    torch.testing.assert_close(depth, full.depth)
    assert full.bin_probabilities is not None
    torch.testing.assert_close(cut.softmax(dim=1), full.bin_probabilities)
    assert confidence.shape == (2, 70, 84)


def test_traced_monocular__of_a_network_without_levels_has_no_confidence() -> None:
    model = stereo(decoder="sigmoid", matching=False, refined=False, monocular="raw")
    image = torch.rand(1, 3, 70, 84)
    with torch.no_grad():
        depth, _ = TracedMonocular(model)(image)
        torch.testing.assert_close(depth, model(image))


def test_traced_network__leaves_the_model_as_it_is() -> None:
    model = toy(RelativeHeadConfig()).train()
    TracedNetwork(model)
    assert model.training
    assert not model.decoder.before_read_out._forward_hooks


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [RelativeHeadConfig(), MetricBinsHeadConfig(), MetricBinsHeadConfig(bin_centers_type="normed", compat=True)],
)
def test_write_network__is_the_model_at_every_size_and_batch(head: HeadConfig, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    model = toy(head)
    outputs = write_network(model, tmp_path / "n.onnx")
    assert outputs == ((DEPTH,) if isinstance(head, RelativeHeadConfig) else (DEPTH, CONFIDENCE))
    session = open_session(tmp_path / "n.onnx", "onnx", "fp32")
    for batch, rows, columns in ((1, 5, 6), (1, 37, 37), (2, 37, 18), (1, 1, 1), (3, 2, 40)):
        image = torch.rand(batch, 3, 14 * rows, 14 * columns)
        with torch.no_grad():
            expected = model.predict_full(image)
        given = session.run(image.numpy())
        np.testing.assert_allclose(given[0], expected.depth.numpy(), rtol=1e-4, atol=1e-5)
        assert len(given) == len(outputs)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["timm:test_vit", "dinov2-toy"])
def test_write_network__with_the_upsampling_decoder_is_the_model_at_every_size(encoder: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    model = DepthModel(DepthModelConfig(encoder=encoder, decoder="upsample", head=SigmoidHeadConfig())).eval()
    write_network(model, tmp_path / "n.onnx")
    session = open_session(tmp_path / "n.onnx", "onnx", "fp32")
    for batch, rows, columns in ((1, 5, 6), (2, 14, 14), (1, 1, 3)):
        image = torch.rand(batch, 3, model.size_multiple * rows, model.size_multiple * columns)
        with torch.no_grad():
            expected = model(image)
        np.testing.assert_allclose(session.run(image.numpy())[0], expected.numpy(), rtol=1e-4, atol=1e-5)


def test_write_network__that_cannot_be_traced_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("\nno such operator\nmore")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(UsageError, match=r"no such operator; name one size with --static"):
        write_network(toy(RelativeHeadConfig()), tmp_path / "n.onnx")
