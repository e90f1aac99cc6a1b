# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.models import vgg19

from leadline.contracts.errors import ContractError, WeightsError
from leadline.losses.perceptual import PerceptualDifference


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Made-up weights of the layers up to the third pool; the classifier's 120 million numbers are not needed."""
    with torch.device("meta"):
        shapes = {name: one.shape for name, one in vgg19(weights=None).features[:19].state_dict(prefix="features.").items()}
    generator = torch.Generator().manual_seed(1)
    return {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def loss(weights: dict[str, Tensor]) -> PerceptualDifference:
    return PerceptualDifference(weights)


def pictures() -> tuple[Tensor, Tensor]:
    one, other = torch.rand(2, 1, 3, 32, 40, generator=torch.Generator().manual_seed(2)).unbind()
    return one, other


def test_perceptual__taps_the_first_three_pools(loss: PerceptualDifference) -> None:
    shapes = [tuple(tap.shape[1:]) for tap in loss.taps(torch.rand(1, 3, 32, 40))]
    assert shapes == [(64, 16, 20), (128, 8, 10), (256, 4, 5)]


def test_perceptual__is_the_mean_square_of_what_torchvision_computes(weights: dict[str, Tensor]) -> None:
    one, other = pictures()
    for norm in ("imagenet", "none"):
        found = PerceptualDifference(weights, norm=norm)(one, other)
        mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        features = [(each - mean) / std if norm == "imagenet" else each for each in (one, other)]
        with torch.device("meta"):
            layers = vgg19(weights=None).features[:19]
        layers.load_state_dict({name.removeprefix("features."): tensor for name, tensor in weights.items()}, assign=True)
        for i, layer in enumerate(layers):
            features = [layer(each) for each in features]
            if i in (4, 9, 18):
                wanted = (features[0] - features[1]).square().mean()
                torch.testing.assert_close(found[(4, 9, 18).index(i)], wanted.detach(), rtol=1e-4, atol=1e-9)


def test_perceptual__is_zero_for_itself_and_teaches_the_reconstruction_only(loss: PerceptualDifference) -> None:
    one, other = (each.requires_grad_() for each in pictures())
    assert loss(one, one).abs().max() == 0
    loss(one, other).sum().backward()
    assert one.grad is not None
    assert one.grad.abs().sum() > 0
    assert other.grad is None
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in loss.parameters())


def test_perceptual__stays_in_evaluation_mode_and_full_precision(loss: PerceptualDifference) -> None:
    assert not loss.train().training
    one, other = pictures()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(one.bfloat16(), other.bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(one.bfloat16().float(), other.bfloat16().float()))


def test_perceptual__leaves_the_given_tensors_to_their_owner(weights: dict[str, Tensor]) -> None:
    copies = {name: tensor.clone() for name, tensor in weights.items()}
    one, other = pictures()
    PerceptualDifference(weights)(one, other)
    assert all(torch.equal(copies[name], tensor) and tensor.grad is None for name, tensor in weights.items())


def test_perceptual__names_the_tensor_it_misses(weights: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match=r"VGG-19, with features.0.weight of shape \(64, 3, 3, 3\); got no such tensor"):
        PerceptualDifference({})
    with pytest.raises(WeightsError, match=r"features.16.bias of shape \(256,\); got shape \(1,\)"):
        PerceptualDifference({**weights, "features.16.bias": torch.zeros(1)})
    with pytest.raises(ContractError, match="norm as one of imagenet, none"):
        PerceptualDifference(weights, norm="tio")  # type: ignore[arg-type]


def test_perceptual__refuses_pictures_of_two_sizes(loss: PerceptualDifference) -> None:
    one, other = pictures()
    with pytest.raises(ContractError, match="two pictures"):
        loss(one, other[..., :-8])
