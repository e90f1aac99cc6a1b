# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from leadline.contracts.errors import ContractError
from leadline.models.heads import log_binomial
from leadline.models.heads.log_binomial import ConditionalLogBinomial, LogBinomial, expected_value, log_coefficients
from tests.models.heads.zoe_fixture import stored


def distribution(success: Tensor, temperature: float) -> LogBinomial:
    return LogBinomial.of(success=success, temperature=torch.full_like(success, temperature))


def at_one_pixel(success: float, temperature: float, n_bins: int) -> Tensor:
    return distribution(torch.full((1, 1, 1, 1), success), temperature).probabilities(n_bins).flatten()


def naive_mean(maps: LogBinomial, centers: Tensor) -> Tensor:
    wide = F.interpolate(centers, maps.tilt.shape[-2:], mode="bilinear", align_corners=True)
    return (maps.probabilities(centers.shape[1]) * wide).sum(dim=1, keepdim=True)


def example(dtype: torch.dtype = torch.float64, coarse: tuple[int, int] = (3, 4)) -> tuple[LogBinomial, Tensor]:
    torch.manual_seed(2)
    success, temperature = torch.rand(2, 1, 7, 5, dtype=dtype), 1 + 20 * torch.rand(2, 1, 7, 5, dtype=dtype)
    return LogBinomial.of(success=success, temperature=temperature), 10 * torch.rand(2, 6, *coarse, dtype=dtype)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1.0, [0.191888, 0.555105, 0.237902, 0.015105]),
        (5.0, [0.257593, 0.318565, 0.268908, 0.154934]),
    ],
)
def test_probabilities__agree_with_the_hand_value(temperature: float, expected: list[float]) -> None:
    assert at_one_pixel(0.3, temperature, 4).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.0212, 1.0, 50.0])
def test_probabilities__of_an_even_chance_are_centred_on_the_middle_bin(temperature: float) -> None:
    mean = (at_one_pixel(0.5, temperature, 64) * torch.arange(64)).sum().item()
    assert mean == pytest.approx(31.5, abs=2e-3)


@pytest.mark.parametrize(("temperature", "spread"), [(0.0212, 0.588), (1.0, 3.94), (5.0, 8.50), (50.0, 16.5)])
def test_probabilities__are_as_sharp_as_the_temperature_says(temperature: float, spread: float) -> None:
    deviation = ((at_one_pixel(0.5, temperature, 64) * (torch.arange(64) - 31.5) ** 2).sum() ** 0.5).item()
    assert deviation == pytest.approx(spread, rel=5e-3)


def test_probabilities__agree_with_the_released_code_for_every_stored_case() -> None:
    arrays = stored("zoe_units")
    cases = [(key, re.fullmatch(r"logbinomial\.K(\d+)\.T([\d.]+)", key)) for key in arrays]
    found = [(key, int(match[1]), float(match[2])) for key, match in cases if match]
    assert len(found) == 16
    for key, n_bins, temperature in found:
        probabilities = distribution(arrays["p"].reshape(1, 1, 1, -1), temperature).probabilities(n_bins)[0, :, 0]
        atol = 1e-3 if temperature == 0.0212 else 1e-5
        torch.testing.assert_close(probabilities, arrays[key], atol=atol, rtol=0, msg=key)


@pytest.mark.parametrize("n_bins", [4, 64, 100, 256])
def test_log_coefficients__agree_with_the_released_code(n_bins: int) -> None:
    expected = stored("zoe_units")[f"log_binom.K{n_bins}"]
    torch.testing.assert_close(log_coefficients(torch.zeros(()), n_bins), expected, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("success", [0.0, 1e-12, 0.5, 1.0])
@pytest.mark.parametrize("temperature", [0.0212, 50.0])
def test_probabilities__sum_to_one_even_for_certain_pixels(success: float, temperature: float) -> None:
    probabilities = at_one_pixel(success, temperature, 64)
    assert probabilities.min() >= 0
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("block", [1, 1 << 18])
@pytest.mark.parametrize("coarse", [(3, 4), (7, 5), (1, 1), (9, 2)])
def test_expected_value__is_the_mean_of_the_resized_centres(
    coarse: tuple[int, int], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_binomial, "CPU_BLOCK", block)
    maps, centers = example(coarse=coarse)
    torch.testing.assert_close(expected_value(maps, centers), naive_mean(maps, centers), atol=1e-12, rtol=0)


@pytest.mark.parametrize("block", [1, 1 << 18])
def test_expected_value__has_the_right_gradient(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_binomial, "CPU_BLOCK", block)
    (sharpness, tilt), centers = example(coarse=(2, 2))
    inputs = tuple(one[:1, :3, :3, :2].clone().requires_grad_() for one in (sharpness, tilt, centers))
    assert torch.autograd.gradcheck(lambda s, t, c: expected_value(LogBinomial(s, t), c), inputs)


@pytest.mark.parametrize("weighted", [False, True])
def test_expected_value__refuses_a_second_derivative(*, weighted: bool) -> None:
    maps, centers = example()
    tilt = maps.tilt.clone().requires_grad_()
    mean = expected_value(LogBinomial(maps.sharpness, tilt), centers)
    loss = (mean * tilt if weighted else mean + tilt**3).sum()
    (slope,) = torch.autograd.grad(loss, tilt, create_graph=True)
    with pytest.raises(ContractError, match="got a second derivative"):
        torch.autograd.grad(slope.square().sum(), tilt)


def test_expected_value__lies_between_the_outermost_centres() -> None:
    maps, centers = example(torch.float32)
    mean = expected_value(maps, centers)
    assert centers.min() <= mean.min()
    assert mean.max() <= centers.max()


def test_expected_value__is_not_rounded_by_autocast() -> None:
    maps, centers = example(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = expected_value(maps, centers)
    assert torch.equal(rough, expected_value(maps, centers))


def test_expected_value__of_a_single_row_or_column_is_finite() -> None:
    maps = LogBinomial(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    assert expected_value(maps, torch.full((1, 8, 3, 3), 2.0)).item() == pytest.approx(2.0)


def test_expected_value__keeps_no_map_per_bin_for_the_backward_pass() -> None:
    torch.manual_seed(0)
    sharpness, tilt = torch.rand(1, 1, 40, 40, requires_grad=True), torch.rand(1, 1, 40, 40, requires_grad=True)
    centers = torch.rand(1, 64, 4, 4, requires_grad=True)
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        expected_value(LogBinomial(sharpness, tilt), centers)
    assert sum(kept) == 4 * tilt.numel() + centers.numel()


def test_conditional__equals_the_plain_network_on_the_joined_input() -> None:
    torch.manual_seed(3)
    head = ConditionalLogBinomial(5, 8, min_temp=5.0, max_temp=50.0).double()
    features, condition = torch.randn(2, 5, 7, 9).double(), torch.randn(2, 8, 3, 4).double()
    wide = F.interpolate(condition, (7, 9), mode="bilinear", align_corners=True)
    against = head.mlp(torch.cat([features, wide], dim=1)) + 1e-4
    success = against[:, :1] / (against[:, :1] + against[:, 1:2])
    temperature = 5 + 45 * against[:, 2:3] / (against[:, 2:3] + against[:, 3:])
    expected = LogBinomial.of(success=success, temperature=temperature)
    for got, wanted in zip(head(features, condition), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-12)


def test_conditional__keeps_the_temperature_in_its_range() -> None:
    torch.manual_seed(4)
    head = ConditionalLogBinomial(5, 8, min_temp=2.0, max_temp=3.0)
    sharpness = head(100 * torch.randn(2, 5, 7, 9), torch.randn(2, 8, 3, 4)).sharpness
    assert sharpness.min() >= 1 / 3 - 1e-6
    assert sharpness.max() <= 1 / 2 + 1e-6


def test_conditional__computes_the_distribution_in_float32_under_autocast() -> None:
    torch.manual_seed(5)
    head = ConditionalLogBinomial(5, 8, min_temp=5.0, max_temp=50.0)
    features, condition = torch.randn(2, 5, 7, 9), torch.randn(2, 8, 3, 4)
    exact = head(features, condition)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = head(features, condition)
    assert {one.dtype for one in rough} == {torch.float32}
    torch.testing.assert_close(rough.tilt, exact.tilt, atol=2e-3, rtol=0.05)


def test_conditional__reads_official_files_with_their_stored_constants() -> None:
    head = ConditionalLogBinomial(5, 8, min_temp=5.0, max_temp=50.0)
    official = dict(head.state_dict()) | {
        "log_binomial_transform.k_idx": torch.arange(64).reshape(1, 64, 1, 1),
        "log_binomial_transform.K_minus_1": torch.full((1, 1, 1, 1), 63.0),
    }
    head.load_state_dict(official, strict=True)
    assert set(head.state_dict()) == {"mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias"}


def test_expected_value__is_the_same_in_a_graph_for_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = LogBinomial(*(torch.rand(2, 1, 9, 11, generator=generator) for _ in range(2)))
    centers = torch.rand(2, 16, 4, 5, generator=generator)
    expected = expected_value(maps, centers)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(expected_value(maps, centers), expected)
