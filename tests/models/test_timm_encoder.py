# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.models.timm_encoder import TimmStages, TimmTransformer, build_timm_encoder

STAGES = {
    "resnet18": (64, 128, 256, 512),
    "convnext_atto": (40, 80, 160, 320),
    "swin_tiny_patch4_window7_224": (96, 192, 384, 768),  # channels last, and picky about sizes unless told
    "mobilenetv3_small_050": (8, 16, 24, 288),
}
# patch, prefix tokens, mean of the first channel
PLAIN = {
    "vit_tiny_patch16_224": (16, 1, 0.5),
    "eva02_tiny_patch14_224": (14, 1, 0.48145466),
    "xcit_nano_12_p16_224": (16, 0, 0.485),
    "vit_little_patch16_reg4_gap_256": (16, 4, 0.5),
}


@pytest.mark.parametrize("name", STAGES)
def test_backbone_with_stages__gives_a_pyramid_at_any_size(name: str) -> None:
    encoder = build_timm_encoder(name).eval()
    assert isinstance(encoder, TimmStages)
    features = encoder(torch.randn(1, 3, 64, 96))
    assert features.strides == encoder.layout.strides == (4, 8, 16, 32)
    assert features.channels == encoder.layout.channels == STAGES[name]
    assert [tuple(one.shape[-2:]) for one in features.maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert features.prefix == ()
    assert encoder.layout.size_multiple == 32


@pytest.mark.parametrize("name", PLAIN)
def test_plain_transformer__gives_four_maps_and_its_prefix_tokens(name: str) -> None:
    encoder = build_timm_encoder(name).eval()
    patch, prefix, mean = PLAIN[name]
    assert isinstance(encoder, TimmTransformer)
    features = encoder(torch.randn(1, 3, 2 * patch, 3 * patch))
    assert [tuple(one.shape[-2:]) for one in features.maps] == [(2, 3)] * 4
    assert features.strides == (patch,) * 4
    assert (encoder.layout.size_multiple, encoder.layout.prefix_tokens) == (patch, prefix)
    assert [one.shape[1] for one in features.prefix] == ([prefix] * 4 if prefix else [])
    assert encoder.layout.normalisation.mean[0] == mean


def test_plain_transformer__passes_every_reading_through_its_final_norm() -> None:
    encoder = build_timm_encoder("vit_tiny_patch16_224").eval()
    for one in encoder(10 * torch.randn(1, 3, 32, 32)).maps:
        torch.testing.assert_close(one.mean(1), torch.zeros(1, 2, 2), atol=1e-5, rtol=0)
        torch.testing.assert_close(one.var(1, correction=0), torch.ones(1, 2, 2), atol=1e-3, rtol=0)


def test_plain_transformer__reads_the_blocks_it_is_told_to() -> None:
    assert build_timm_encoder("vit_tiny_patch16_224").taps == (2, 5, 8, 11)
    assert build_timm_encoder("vit_tiny_patch16_224", (0, 1, 2, 7)).taps == (0, 1, 2, 7)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18"])
def test_one_level__is_the_last_of_four_and_keeps_their_names(name: str) -> None:
    four, one = build_timm_encoder(name).eval(), build_timm_encoder(name, levels=1).eval()
    one.load_state_dict(four.state_dict())
    image = torch.randn(1, 3, 64, 32)
    assert len(one(image).maps) == len(one.layout.channels) == 1
    torch.testing.assert_close(one(image).maps[0], four(image).maps[3])


def test_class_token__is_known_from_the_backbone() -> None:
    names = ("vit_tiny_patch16_224", "vit_little_patch16_reg4_gap_256", "xcit_nano_12_p16_224", "resnet18")
    assert [build_timm_encoder(name).layout.class_token for name in names] == [True, False, False, False]


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_drop_path__changes_training_and_nothing_else(name: str) -> None:
    image = torch.randn(2, 3, 64, 64)
    for rate in (0.0, 0.9):
        torch.manual_seed(0)
        encoder = build_timm_encoder(name, levels=1, drop_path=rate)
        for norm in encoder.modules():
            norm.train(not isinstance(norm, torch.nn.BatchNorm2d))
            if isinstance(norm, torch.nn.BatchNorm2d):  # timm's branches begin at 0, and would be missed by nobody
                torch.nn.init.ones_(norm.weight)
        first, second = encoder(image).maps[0], encoder(image).maps[0]
        assert torch.equal(first, second) == (rate == 0)
        assert torch.equal(encoder.eval()(image).maps[0], encoder(image).maps[0])


def test_parameters_no_map_needs__are_frozen_and_all_others_learn() -> None:
    encoder = build_timm_encoder("eva02_tiny_patch14_224", (0, 1, 2, 7))
    frozen = {name for name, one in encoder.named_parameters() if not one.requires_grad}
    assert "backbone.fc_norm.weight" in frozen
    assert any(name.startswith("backbone.blocks.8.") for name in frozen)
    maps = encoder(torch.randn(1, 3, 28, 28)).maps
    trained = [one for one in encoder.parameters() if one.requires_grad]
    gradients = torch.autograd.grad([one.sum() for one in maps], trained, allow_unused=True)
    assert all(gradient is not None for gradient in gradients)


MISTAKES = [
    ("resnet1888", None, "nearest: resnet18"),
    ("beit_base_patch16_224", None, "any input size"),
    ("resnet18", (0, 1, 2, 3), "no taps"),
    ("vit_tiny_patch16_224", (2, 5, 8, 12), "taps below 12"),
]


@pytest.mark.parametrize(("name", "taps", "said"), MISTAKES)
def test_build__a_mistake_is_a_usage_error(name: str, taps: tuple[int, ...] | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_timm_encoder(name, taps)
