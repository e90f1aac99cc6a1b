# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.models.config import Decoder, DepthModelConfig, FeatureMode
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, RelativeHeadConfig, SigmoidHeadConfig
from leadline.models.normalisation import IMAGENET

HEADS: dict[str, HeadConfig] = {
    "relative": RelativeHeadConfig(),
    "sigmoid": SigmoidHeadConfig(max_depth_m=20.0),
    "bins": MetricBinsHeadConfig(n_bins=8),
}


def toy(head: HeadConfig | None = None, mode: FeatureMode = "zoe", encoder: str = "dinov2-toy") -> DepthModel:
    return DepthModel(DepthModelConfig(encoder=encoder, feature_mode=mode, head=head or RelativeHeadConfig()))


@pytest.mark.parametrize("mode", ["zoe", "stride8"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("size", [(28, 42), (33, 50), (9, 20)])
def test_forward__any_size_in_is_the_size_out(size: tuple[int, int], head: str, mode: FeatureMode) -> None:
    depth = toy(HEADS[head], mode)(torch.randn(2, 3, *size))
    assert depth.shape == (2, *size)
    assert depth.dtype == torch.float32
    assert depth.isfinite().all()
    assert (depth >= 0).all()


@pytest.mark.parametrize("encoder", ["timm:resnet18", "timm:vit_tiny_patch16_224"])
@pytest.mark.parametrize("mode", ["zoe", "stride8"])
def test_forward__takes_a_timm_encoder(encoder: str, mode: FeatureMode) -> None:
    model = toy(HEADS["bins"], mode, encoder).eval()
    depth_m = model(torch.randn(1, 3, 50, 70))
    assert depth_m.shape == (1, 50, 70)
    assert (depth_m > 0).all()
    assert model.size_multiple == (32 if "resnet" in encoder else 16)


def test_model__says_what_it_is() -> None:
    assert toy().kind is DepthKind.AFFINE_DISPARITY
    model = toy(HEADS["bins"])
    assert model.kind is DepthKind.METRIC
    assert model.size_multiple == 14
    assert model.normalisation == IMAGENET
    assert toy(encoder="timm:vit_tiny_patch16_224").normalisation.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("head", ["relative", "sigmoid"])
@pytest.mark.parametrize("encoder", ["dinov2-toy", "beit-toy", "timm:test_vit", "timm:test_resnet"])
@pytest.mark.parametrize("size", [(64, 96), (33, 50)])
def test_upsampling_decoder__any_size_in_is_the_size_out(size: tuple[int, int], encoder: str, head: str) -> None:
    model = DepthModel(DepthModelConfig(encoder=encoder, decoder="upsample", head=HEADS[head]))
    image = torch.randn(2, 3, *size)
    depth = model(image)
    assert (depth.shape, depth.dtype) == ((2, *size), torch.float32)
    assert (depth >= 0).all()
    assert (depth <= 20).all() or head == "relative"
    assert len(model.encode(image).maps) == 1
    assert model.predict_full(image).depth.shape == (2, *size)


def test_upsampling_decoder__leaves_no_trained_parameter_without_gradient() -> None:
    for encoder in ("dinov2-toy", "timm:test_vit", "timm:test_resnet"):
        model = DepthModel(DepthModelConfig(encoder=encoder, decoder="upsample", head=HEADS["sigmoid"]))
        torch.autograd.backward(model(torch.randn(2, 3, 64, 64)).square().mean())
        assert [name for name, one in model.named_parameters() if one.requires_grad != (one.grad is not None)] == []


@pytest.mark.parametrize("encoder", ["dinov2-toy", "beit-toy", "timm:test_vit", "timm:deit_tiny_distilled_patch16_224"])
@pytest.mark.parametrize("decoder", ["dpt", "upsample"])
def test_embed__is_the_class_token_of_the_last_map(encoder: str, decoder: Decoder) -> None:
    model = DepthModel(DepthModelConfig(encoder=encoder, decoder=decoder)).eval()
    image = torch.randn(2, 3, 2 * model.size_multiple, 3 * model.size_multiple)
    features = model.encode(image)
    assert torch.equal(model.embed(features), features.prefix[-1][:, 0])
    if encoder.startswith("timm:"):  # through the backbone's own norm
        backbone: Any = model.get_submodule("encoder.backbone")
        torch.testing.assert_close(model.embed(features), backbone.forward_features(image)[:, 0])


@pytest.mark.parametrize(("encoder", "prefix"), [("timm:test_resnet", 0), ("timm:vit_little_patch16_reg4_gap_256", 4)])
def test_embed__is_the_mean_over_pixels_where_no_token_stands_for_the_image(encoder: str, prefix: int) -> None:
    model = DepthModel(DepthModelConfig(encoder=encoder, decoder="upsample")).eval()
    features = model.encode(torch.randn(2, 3, 64, 96))
    assert sum(one.shape[1] for one in features.prefix) == prefix
    torch.testing.assert_close(model.embed(features), features.maps[-1].flatten(2).mean(2))


def test_normalisation__is_imagenets_where_the_configuration_says_so() -> None:
    config = DepthModelConfig(encoder="timm:vit_tiny_patch16_224", decoder="upsample", normalisation="imagenet")
    assert DepthModel(config).normalisation == IMAGENET


def test_predict_full__agrees_with_forward_and_brings_the_distribution() -> None:
    model, image = toy(HEADS["bins"]).eval(), torch.randn(2, 3, 33, 50)
    said = model.predict_full(image)
    torch.testing.assert_close(said.depth, model(image), atol=0, rtol=0)
    assert said.bin_probabilities is not None
    assert said.bin_centers_m is not None
    assert said.relative is not None
    assert said.bin_probabilities.shape == (2, 8, 33, 50)
    assert said.bin_centers_m.shape[:2] == (2, 8)
    torch.testing.assert_close(said.bin_probabilities.sum(1), torch.ones(2, 33, 50), atol=1e-5, rtol=0)
    assert said.relative.shape == (2, 33, 50)


def test_predict_full__plain_heads_have_no_bins() -> None:
    image = torch.randn(1, 3, 28, 28)
    relative, sigmoid = (toy(HEADS[name]).eval().predict_full(image) for name in ("relative", "sigmoid"))
    assert (relative.bin_centers_m, relative.bin_probabilities, relative.relative) == (None, None, None)
    assert sigmoid.relative is not None
    assert (sigmoid.depth <= 20).all()


def test_sigmoid_head__reads_the_logit_before_its_relu() -> None:
    model = toy(HEADS["sigmoid"]).eval()
    parameters = dict(model.get_submodule("decoder.scratch.output_conv2").named_parameters())
    with torch.no_grad():
        parameters["2.weight"].zero_()
        parameters["2.bias"].fill_(-2.0)
        depth_m = model(torch.randn(1, 3, 28, 28))
    torch.testing.assert_close(depth_m, torch.full((1, 28, 28), 20 / (1 + 7.38905609893065)), atol=1e-5, rtol=0)


def test_freeze_encoder__no_gradient_reaches_it_and_it_stays_in_evaluation_mode() -> None:
    model = toy(HEADS["bins"], encoder="timm:resnet18")
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    model.freeze_encoder()
    assert model.train() is model
    assert model.decoder.training
    assert not any(module.training for module in model.encoder.modules())
    torch.autograd.backward(model(torch.randn(2, 3, 64, 64)).mean())
    assert all(one.grad is None for one in model.encoder.parameters())
    assert all(one.grad is not None for one in model.decoder.parameters() if one.requires_grad)
    assert all(torch.equal(value, before[name]) for name, value in model.encoder.state_dict().items())


@pytest.mark.parametrize("head", HEADS)
def test_training_step__under_bf16_autocast_is_finite_and_reaches_every_parameter(head: str) -> None:
    model = toy(HEADS[head]).train()
    with torch.no_grad():  # a ReLU that is closed everywhere would stop every gradient
        dict(model.named_parameters())["decoder.scratch.output_conv2.2.bias"].fill_(1.0)
    with torch.autocast("cpu", torch.bfloat16):
        depth = model(torch.randn(2, 3, 42, 42))
    assert depth.dtype == torch.float32
    torch.autograd.backward(depth.log1p().square().mean())
    for name, one in model.named_parameters():
        assert one.requires_grad == (one.grad is not None), name
        assert one.grad is None or one.grad.isfinite().all(), name


def test_forward__one_image_does_not_depend_on_its_batch_mates() -> None:
    model, images = toy(HEADS["bins"]).eval(), torch.randn(3, 3, 28, 42)
    with torch.inference_mode():
        together, alone = model(images), torch.cat([model(one[None]) for one in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
