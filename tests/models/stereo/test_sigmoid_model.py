# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch

from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.sigmoid_decoder import sigmoid_depth
from leadline.models.stereo.sigmoid_model import SigmoidModel


def network(encoder: str, *, finest: int) -> SigmoidModel:
    torch.manual_seed(0)
    pyramid = replace(PyramidConfig(encoder=encoder), base_stride=finest)  # type: ignore[arg-type]
    return SigmoidModel(
        StereoModelConfig(pyramid=pyramid, decoder="sigmoid", matching=False, refined=False, monocular="raw")
    )


@pytest.mark.parametrize(("encoder", "finest"), [("dinov2-toy", 4), ("swin-toy", 2), ("resnet18", 2)])
def test_scales__have_full_size_and_its_halves_and_train_every_part(encoder: str, finest: int) -> None:
    net = network(encoder, finest=finest)
    maps = net.scales(net.features(torch.rand(2, 3, 64, 96)), (64, 96))
    assert [tuple(one.shape) for one in maps] == [(2, 64 // n, 96 // n) for n in (1, 2, 4, 8)]
    torch.stack([one.mean() for one in maps]).sum().backward()  # type: ignore[no-untyped-call]
    for name, part in net.parts().items():
        parameters = list(part.parameters())
        assert name == "neck" or any(one.grad is not None for one in parameters)


def test_parts__are_disjoint_and_complete() -> None:
    net = network("dinov2-toy", finest=4)
    listed = sorted(id(one) for part in net.parts().values() for one in part.parameters())
    assert listed == sorted(id(one) for one in net.parameters())


@torch.no_grad()
def test_monocular__is_the_depth_of_the_finest_map_without_probabilities() -> None:
    net = network("dinov2-toy", finest=4).eval()
    image = torch.rand(1, 3, 42, 56)
    depth, probabilities = net.monocular(image)
    assert torch.equal(depth, sigmoid_depth(net.scales(net.features(image), (42, 56))[0]))
    assert probabilities is None
    assert depth.min() >= 0.1
    assert depth.max() <= 100
