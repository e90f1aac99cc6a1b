# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError, UsageError
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.pyramid import FeaturePyramid, build_pyramid

COMBINATIONS = [
    PyramidConfig.from_dict(
        {
            "encoder": encoder,
            "pyramid_source": source,
            "base_stride": stride,
            "align": align,
            "size_policy": policy,
            "drop_path": 0.0,  # a step that leaves a branch out leaves its numbers where they were
        }
    )
    for encoder, source, stride, align, policy in (
        *product(("dinov2-toy",), ("reassemble", "rn", "fused"), (2, 4), ("exact", "native"), ("resize", "pad")),
        *product(("dinov2-toy-swiglu", "swin-toy", "resnet18"), ("reassemble",), (2, 4), ("exact",), ("resize",)),
    )
]
NAMES = ["-".join(str(value) for value in config.to_dict().values()) for config in COMBINATIONS]
SIZES = ((64, 128), (33, 75), (70, 98))  # of strides and patches: of stride 32, of nothing, of 14


def picture(height: int, width: int, *, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(5))


def toy(**choices: object) -> FeaturePyramid:
    torch.manual_seed(0)
    return build_pyramid(PyramidConfig(**{"encoder": "dinov2-toy"} | choices)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("config", COMBINATIONS, ids=NAMES)
def test_forward__has_the_sizes_and_widths_it_announces(config: PyramidConfig) -> None:
    pyramid = build_pyramid(config).eval()
    with torch.no_grad():
        for size in SIZES:
            maps = pyramid(picture(*size, batch=2))
            announced = [(2, width, *sides) for width, sides in zip(pyramid.channels, pyramid.sizes(size), strict=True)]
            assert [tuple(one.shape) for one in maps] == announced
            if config.align == "exact":
                whole = tuple(tuple(-int(-side // stride) for side in size) for stride in pyramid.strides)
                assert pyramid.sizes(size) == whole


@pytest.mark.parametrize("config", COMBINATIONS, ids=NAMES)
def test_step__moves_every_parameter_that_is_trained(config: PyramidConfig) -> None:
    """None is left without a gradient (distributed training would wait for it), and none is untouched by a step."""
    torch.manual_seed(1)
    pyramid = build_pyramid(config).train()
    trained = {name: one for name, one in pyramid.named_parameters() if one.requires_grad}
    before = {name: one.detach().clone() for name, one in trained.items()}
    optimiser = torch.optim.Adam(trained.values(), lr=1e-3)
    sum(one.square().mean() for one in pyramid(picture(64, 96, batch=2))).backward()
    assert not [name for name, one in trained.items() if one.grad is None]
    optimiser.step()
    still = [name for name, one in trained.items() if torch.equal(one, before[name])]
    # timm starts the last batch norm of each residual branch at zero: nothing before it in the branch moves at first
    allowed = len(trained) * 2 // 3 if config.encoder == "resnet18" else 0
    assert len(still) <= allowed, still


@pytest.mark.parametrize("size", [(256, 832), (384, 1280), (375, 1242), (252, 840)])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("encoder", ["swin_t", "resnet50"])
def test_sizes__of_exact_maps_are_the_ceilings_of_kittis(encoder: str, stride: int, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        pyramid = build_pyramid(PyramidConfig(encoder=encoder, base_stride=stride))  # type: ignore[arg-type]
        maps = pyramid(torch.empty(1, 3, *size))
    strides = [stride * 2**level for level in range(4)]
    assert [tuple(one.shape[2:]) for one in maps] == [(-(-size[0] // s), -(-size[1] // s)) for s in strides]


@pytest.mark.parametrize("policy", ["resize", "pad"])
@pytest.mark.parametrize("size", [(256, 832), (375, 1242)])
def test_sizes__of_exact_maps_of_dino_are_those_ceilings_too(size: tuple[int, int], policy: str) -> None:
    pyramid = toy(size_policy=policy)
    with torch.no_grad():
        maps = pyramid(picture(*size))
    assert [tuple(one.shape[2:]) for one in maps] == [(-(-size[0] // s), -(-size[1] // s)) for s in (4, 8, 16, 32)]


@pytest.mark.parametrize("source", ["reassemble", "rn"])
def test_sizes__of_native_maps_are_the_references(source: str) -> None:
    pyramid = toy(align="native", pyramid_source=source)
    assert pyramid.sizes((252, 840)) == ((72, 240), (36, 120), (18, 60), (9, 30))
    assert pyramid.sizes((378, 1260)) == ((108, 360), (54, 180), (27, 90), (14, 45))
    assert pyramid.strides == (3.5, 7, 14, 28)


@pytest.mark.parametrize(
    ("encoder", "source", "channels"),
    [
        ("dinov2s", "reassemble", (48, 96, 192, 384)),
        ("dinov2b", "reassemble", (96, 192, 384, 768)),
        ("dinov2l", "reassemble", (256, 512, 1024, 1024)),
        ("dinov2g", "reassemble", (1536,) * 4),
        ("dinov2s", "rn", (64,) * 4),
        ("dinov2b", "fused", (128,) * 4),
        ("dinov2l", "rn", (256,) * 4),
        ("dinov2g", "fused", (384,) * 4),
        ("swin_t", "reassemble", (96, 192, 384, 768)),
    ],
)
def test_build_pyramid__knows_the_widths_and_costs_no_memory_on_meta(
    encoder: str, source: str, channels: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        pyramid = build_pyramid(PyramidConfig(encoder=encoder, pyramid_source=source))  # type: ignore[arg-type]
        dino = pyramid.config.dino
        image = torch.empty(1, 3, 64, 96)
        maps = pyramid(image) if dino is None else pyramid.neck((torch.empty(1, dino.dim, 4, 6),) * 4)
    assert all(one.is_meta for one in pyramid.parameters())
    assert pyramid.channels == channels == tuple(one.shape[1] for one in maps)


@pytest.mark.parametrize(
    ("encoder", "stride", "channels"),
    [
        ("resnet18", 2, (64, 64, 128, 256)),
        ("resnet18", 4, (64, 128, 256, 512)),
        ("resnet34", 4, (64, 128, 256, 512)),
        ("resnet50", 2, (64, 256, 512, 1024)),
        ("resnet50", 4, (256, 512, 1024, 2048)),
    ],
)
def test_build_pyramid__takes_the_finer_or_the_coarser_four_of_a_resnet(
    encoder: str, stride: int, channels: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        pyramid = build_pyramid(PyramidConfig(encoder=encoder, base_stride=stride))  # type: ignore[arg-type]
    assert pyramid.channels == channels
    deepest = any(name.startswith("backbone.layer4") for name in pyramid.state_dict())
    assert deepest == (stride == 4)  # no layer is built that no map needs
    assert not list(pyramid.neck.parameters())


@pytest.mark.parametrize(
    ("source", "built"),
    [("reassemble", set()), ("rn", {"layer"}), ("fused", {"layer", "refinenet"})],
)
def test_build_pyramid__builds_of_dpt_what_the_source_needs(source: str, built: set[str]) -> None:
    names = [name for name in toy(pyramid_source=source).state_dict() if name.startswith("neck.scratch.")]
    assert {name.removeprefix("neck.scratch.").split(".")[0][:5] for name in names} == {part[:5] for part in built}
    assert ("neck.scratch.layer4_rn.weight" in names) == ("layer" in built)
    assert ("neck.scratch.refinenet1.resConfUnit1.conv1.weight" in names) == ("refinenet" in built)
    assert not any("refinenet4.resConfUnit1" in name or "output_conv" in name for name in names)


@pytest.mark.parametrize(
    ("normalisation", "mean", "std"),
    [
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("tio", (0.45,) * 3, (0.225,) * 3),
        ("none", (0.0,) * 3, (1.0,) * 3),
    ],
)
def test_forward__normalises_inside(normalisation: str, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    image = picture(42, 56)
    by_hand = (image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.no_grad():
        got, wanted = toy(normalisation=normalisation)(image), toy(normalisation="none")(by_hand)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 31, 64), (1, 3, 64, 31), (1, 1, 3, 64, 64)])
def test_forward__refuses_what_is_no_batch_of_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match="at least 32 px; got shape"):
        toy()(torch.zeros(shape))


def test_forward__with_policy_error_names_the_nearest_size() -> None:
    pyramid = toy(size_policy="error")
    assert len(pyramid(picture(42, 56))) == 4
    with pytest.raises(UsageError, match=r"multiples of 14 .*\(44, 60\); resize to 42x56"):
        pyramid(picture(44, 60))


def test_size_multiple__reaches_the_encoder_untouched() -> None:
    assert toy().size_multiple == 14
    assert toy(encoder="swin-toy", base_stride=2).size_multiple == 16
    assert toy(encoder="swin-toy").size_multiple == 32


def test_forward__sees_mirrored_pictures_mirrored() -> None:
    """A sampling grid half a pixel off would move one side of a map against the other."""
    pyramid = toy(normalisation="none")
    pyramid.backbone = Ramp()
    pyramid.neck = torch.nn.Identity()
    for size in ((84, 112), (61, 87)):  # six by eight patches, four by six
        left = pyramid(picture(*size))
        right = pyramid(picture(*size).flip(-1))
        for one, other in zip(left, right, strict=True):
            torch.testing.assert_close(one, other.flip(-1), atol=1e-5, rtol=1e-5)


class Ramp(torch.nn.Module):
    """A backbone whose four maps are means of the picture over DPT's cells."""

    def forward(self, image: Tensor) -> Ramp:
        rows, columns = image.shape[-2] // 14, image.shape[-1] // 14
        sides = ((4 * rows, 4 * columns), (2 * rows, 2 * columns), (rows, columns), (-(-rows // 2), -(-columns // 2)))
        self.maps = tuple(torch.nn.functional.adaptive_avg_pool2d(image, side) for side in sides)
        return self


@pytest.mark.parametrize("encoder", ["dinov2-toy", "swin-toy"])
def test_recompute_gradients__changes_no_gradient(encoder: str) -> None:
    gradients = []
    for recomputes in (False, True):
        pyramid = toy(encoder=encoder)
        calls = count_calls(pyramid.backbone.get_submodule("blocks.0" if encoder == "dinov2-toy" else "layers.0.blocks.0"))
        if recomputes:
            pyramid.recompute_gradients()
        sum(one.square().mean() for one in pyramid(picture(56, 70, batch=2))).backward()
        assert len(calls) == (2 if recomputes else 1)
        gradients.append([one.grad for one in pyramid.parameters() if one.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 0
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def count_calls(block: torch.nn.Module) -> list[object]:
    calls: list[object] = []
    block.register_forward_pre_hook(lambda *_: calls.append(None))
    return calls


def test_recompute_gradients__is_known_to_a_resnet() -> None:
    pyramid = toy(encoder="resnet18").train()
    pyramid.recompute_gradients()
    calls = count_calls(pyramid.backbone.get_submodule("layer2.1"))
    sum(one.mean() for one in pyramid(picture(64, 64, batch=2))).backward()
    assert len(calls) == 2


def test_forward__in_bfloat16_says_about_the_same() -> None:
    pyramid = toy(pyramid_source="fused")
    with torch.no_grad():
        plain = pyramid(picture(56, 98))
        with torch.autocast("cpu", torch.bfloat16):
            coarse = pyramid(picture(56, 98))
    for one, other in zip(plain, coarse, strict=True):
        assert (one - other.float()).abs().max() < 0.05 * one.abs().max()
