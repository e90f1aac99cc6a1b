# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import cast

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from leadline.contracts.errors import ContractError
from leadline.models.head_config import AttractorKind, AttractorType
from leadline.models.heads.attractors import Attraction, AttractorLayer, attracted
from tests.models.heads.zoe_fixture import stored

KINDS: tuple[AttractorKind, ...] = ("sum", "mean")
TYPES: tuple[AttractorType, ...] = ("inv", "exp")


def column(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)


@pytest.mark.parametrize(
    ("type_", "kind", "expected"),
    [
        ("inv", "sum", [0.427081, 0.996743, 1.922623]),
        ("inv", "mean", [0.413540, 0.998372, 1.911312]),
        ("exp", "sum", [0.404979, 1.000000, 1.904979]),
        ("exp", "mean", [0.402489, 1.000000, 1.902489]),
    ],
)
def test_attracted__agrees_with_the_hand_value(type_: AttractorType, kind: AttractorKind, expected: list[float]) -> None:
    attraction = Attraction(type=type_, kind=kind, alpha=300.0, gamma=2)
    moved = attracted(centers=column(0.4, 1.0, 1.9), points=column(0.5, 2.0), attraction=attraction)
    assert moved.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_pull__agrees_with_the_released_formula_for_every_stored_strength() -> None:
    arrays = stored("zoe_units")
    for key in (one for one in arrays if re.match(r"(inv|exp)\.", one)):
        numbers = re.fullmatch(r".*\.a(\d+)\.g(\d+)", key)
        alpha, gamma = (float(numbers[1]), int(numbers[2])) if numbers else (300.0, 2)
        attraction = Attraction(type=cast("AttractorType", key[:3]), alpha=alpha, gamma=gamma)
        distance = arrays["dx"].abs() if key == "inv.a300.g1" else arrays["dx"]
        torch.testing.assert_close(attraction.pull(distance), arrays[key], atol=1e-5, rtol=0, msg=key)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", TYPES)
def test_attracted__agrees_with_the_released_layers(type_: AttractorType, kind: AttractorKind) -> None:
    arrays = stored("zoe_units")
    centers = F.interpolate(arrays["att.b_prev"], (4, 6), mode="bilinear", align_corners=True)
    attraction = Attraction(type=type_, kind=kind)
    layer = AttractorLayer(4, 5, bounded=True, released_bounds=True)
    unbounded = attracted(centers=centers, points=arrays["att.points_unbounded"], attraction=attraction)
    bounded = attracted(centers=centers, points=layer.points(arrays["att.raw_bounded_pairs"]), attraction=attraction)
    metres, _ = (9.999 * bounded + 1e-3).clamp(1e-3, 10).sort(dim=1)
    key = f"att.{kind}.{type_}"
    torch.testing.assert_close(unbounded, arrays[f"{key}.unbounded_b"], atol=1e-5, rtol=0)
    torch.testing.assert_close(bounded, arrays[f"{key}.bounded_b"], atol=1e-5, rtol=0)
    torch.testing.assert_close(metres, arrays[f"{key}.bounded_centers"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("gamma", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("type_", TYPES)
def test_attracted__has_the_right_gradient(type_: AttractorType, kind: AttractorKind, gamma: int) -> None:
    torch.manual_seed(1)
    centers = torch.rand(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    points = torch.rand(2, 4, 2, 2, dtype=torch.float64, requires_grad=True)
    attraction = Attraction(type=type_, kind=kind, alpha=5.0, gamma=gamma)
    assert torch.autograd.gradcheck(lambda c, p: attracted(centers=c, points=p, attraction=attraction), (centers, points))


@pytest.mark.parametrize("weighted", [False, True])
def test_attracted__refuses_a_second_derivative(*, weighted: bool) -> None:
    centers, points = torch.rand(1, 3, 2, 2, requires_grad=True), torch.rand(1, 4, 2, 2)
    moved = attracted(centers=centers, points=points, attraction=Attraction())
    loss = (moved * centers if weighted else moved + centers**3).sum()
    (slope,) = torch.autograd.grad(loss, centers, create_graph=True)
    with pytest.raises(ContractError, match="got a second derivative"):
        torch.autograd.grad(slope.square().sum(), centers)


def test_attracted__keeps_only_its_inputs_for_the_backward_pass() -> None:
    centers, points = torch.rand(1, 64, 8, 8, requires_grad=True), torch.rand(1, 16, 8, 8, requires_grad=True)
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        attracted(centers=centers, points=points, attraction=Attraction())
    assert sum(kept) == centers.numel() + points.numel()


def test_layer__released_bounds_use_the_raw_first_of_each_pair() -> None:
    activation = column(1.0, 3.0, 0.5, 0.0)
    released = AttractorLayer(4, 2, bounded=True, released_bounds=True).points(activation)
    intended = AttractorLayer(4, 2, bounded=True, released_bounds=False).points(activation)
    assert released.flatten().tolist() == pytest.approx([1.001, 0.501])
    assert intended.flatten().tolist() == pytest.approx([1.001 / 4.002, 0.501 / 0.502])


@pytest.mark.parametrize("bounded", [False, True])
def test_layer__gives_float32_points_one_per_attractor_under_autocast(bounded: bool) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        points = AttractorLayer(8, 5, bounded=bounded, released_bounds=False)(torch.randn(2, 8, 3, 3))
    assert points.shape == (2, 5, 3, 3)
    assert points.dtype == torch.float32
    assert points.min() >= 0
