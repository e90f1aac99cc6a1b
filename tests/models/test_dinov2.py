# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.models.dinov2 import DinoVisionTransformer
from leadline.models.encoder_sizes import DINOV2_SIZES

TOY = DINOV2_SIZES["dinov2-toy"]
ENCODER_PARAMETERS = {"vits": 22_056_576, "vitb": 86_580_480, "vitl": 304_368_640, "vitg": 1_136_480_768}


@pytest.mark.parametrize("name", ENCODER_PARAMETERS)
def test_encoder__has_the_official_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        encoder = DinoVisionTransformer(DINOV2_SIZES[name], DINOV2_SIZES[name].taps)
    assert sum(one.numel() for one in encoder.parameters()) == ENCODER_PARAMETERS[name]


def test_encoder__gives_four_maps_and_class_tokens() -> None:
    encoder = DinoVisionTransformer(TOY, TOY.taps)
    features = encoder(torch.randn(2, 3, 28, 42))
    assert [tuple(one.shape) for one in features.maps] == [(2, 32, 2, 3)] * 4
    assert [tuple(one.shape) for one in features.prefix] == [(2, 1, 32)] * 4
    assert features.strides == encoder.layout.strides == (14,) * 4


def test_encoder__map_rows_are_image_rows() -> None:
    encoder = DinoVisionTransformer(TOY, TOY.taps).eval()
    image = torch.zeros(1, 3, 28, 42)
    changed = image.clone()
    changed[:, :, 14:, :14] = 1  # the patch in row 1, column 0
    difference = (encoder.patch_embed(changed) - encoder.patch_embed(image)).abs().sum(-1)[0]
    assert difference.nonzero().flatten().tolist() == [3]
    first = encoder(changed).maps[0]
    assert first[0, :, 1, 0].sub(first[0, :, 0, 0]).abs().max() > 1e-3


def test_encoder__what_no_map_needs_is_frozen() -> None:
    encoder = DinoVisionTransformer(TOY, (0, 1, 2, 3))
    assert not encoder.mask_token.requires_grad
    cut = DinoVisionTransformer(DINOV2_SIZES["dinov2-tiny"], (0, 1, 2, 3))
    trained = {name for name, one in cut.named_parameters() if one.requires_grad}
    maps = cut(torch.randn(1, 3, 28, 28)).maps
    gradients = torch.autograd.grad(
        [one.square().sum() for one in maps], [one for one in cut.parameters() if one.requires_grad], allow_unused=True
    )
    assert all(gradient is not None for gradient in gradients)
    assert not any(name.startswith(("blocks.4.", "blocks.11.")) for name in trained)


def test_encoder__learns_under_autocast() -> None:
    encoder = DinoVisionTransformer(TOY, TOY.taps)
    with torch.autocast("cpu", torch.bfloat16):
        maps = encoder(torch.randn(1, 3, 28, 28)).maps
    gradients = torch.autograd.grad(sum(one.float().square().sum() for one in maps), [encoder.pos_embed, encoder.cls_token])
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)
