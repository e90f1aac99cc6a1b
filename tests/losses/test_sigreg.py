# SPDX-License-Identifier: Apache-2.0
"""Against closed forms over the whole line, an O(N^2) reference, and what is known of normal, collapsed and odd samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError, UsageError
from leadline.losses.sigreg import (
    SigregSettings,
    characteristic_sums,
    directions,
    epps_pulley_per_slice,
    null_statistic,
    sigreg,
    sigreg_of_sums,
)

C = math.sqrt(2 * math.pi)
ONE = SigregSettings(slices=1)  # of one dimension every direction is +1 or -1, which changes nothing
WHOLE_LINE = SigregSettings(slices=1, knots=401, t_max=8)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def column(values: Sequence[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)[:, None]


def quantiles(count: int, *, mean: float = 0, deviation: float = 1) -> Tensor:
    return column([NormalDist(mean, deviation).inv_cdf((index + 0.5) / count) for index in range(count)])


def exact(values: Tensor) -> float:
    """The integral over the whole line in closed form, O(N^2)."""
    pairs = torch.exp(-((values - values.T) ** 2) / 2).mean()
    alone = torch.exp(-(values**2) / 4).mean()
    return float(len(values) * C * (pairs - math.sqrt(2) * alone + 1 / math.sqrt(3)))


def gradient(value: Tensor, leaf: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(value, leaf)
    return found


@pytest.mark.parametrize(
    ("values", "default", "whole_line"),
    [
        ([0], 0.4020476, 0.4089231),
        ([1], 1.1860056, 1.1930539),
        ([-1, 1], 0.2056592, 0.2187148),
        ([-1.5, -0.5, 0.5, 1.5], 0.2288284, 0.2291967),
        (torch.linspace(-2, 2, 9).tolist(), 1.0347855, 1.0355199),
        ([0, 0, 0, 0], 1.6081903, 1.6356923),
        (quantiles(16).flatten().tolist(), 0.0043796, 0.0045474),
        (quantiles(256).flatten().tolist(), 1.652e-4, 1.699e-4),
    ],
    ids=["0", "1", "pair", "four", "nine", "zeros", "quantiles16", "quantiles256"],
)
def test_sigreg__agrees_with_known_values(values: list[float], default: float, whole_line: float) -> None:
    points = column(values)
    assert sigreg(points, step=3, settings=ONE).item() == pytest.approx(default, rel=5e-4 if default < 1e-3 else 2e-5)
    assert sigreg(points, step=3, settings=WHOLE_LINE).item() == pytest.approx(exact(points), abs=1e-12)
    assert exact(points) == pytest.approx(whole_line, rel=5e-4 if default < 1e-3 else 2e-5)


def test_sigreg__agrees_with_the_quadratic_reference_to_the_quadrature_s_error() -> None:
    points = 1.4 * noise(50, 1, dtype=torch.float64) + 0.3
    truth = exact(points)
    found = {name: sigreg(points, step=0, settings=one).item() for name, one in {
        "whole line": WHOLE_LINE,
        "to five": SigregSettings(slices=1, t_max=5),
        "default": ONE,
    }.items()}  # fmt: skip
    assert found["whole line"] == pytest.approx(truth, rel=1e-12)
    assert found["to five"] == pytest.approx(truth, rel=1e-5)
    assert found["default"] == pytest.approx(truth, rel=0.06)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SigregSettings(), 1.052464),
        (SigregSettings(t_max=5), 1.059424),
        (SigregSettings(knots=5), 1.04968),
        (SigregSettings(t_max=1), 0.38459),
        (WHOLE_LINE, C * (1 - 1 / math.sqrt(3))),
    ],
)
def test_null_statistic__is_the_closed_form(settings: SigregSettings, expected: float) -> None:
    assert null_statistic(settings) == pytest.approx(expected, abs=2e-6 if expected > 1.05 else 1e-5)


@pytest.mark.parametrize(("samples", "dimensions"), [(2, 32), (16, 64), (200, 16)])
def test_sigreg__of_normal_samples_has_the_null_value_as_mean_whatever_their_number(samples: int, dimensions: int) -> None:
    settings = SigregSettings(slices=64)
    values = [sigreg(noise(samples, dimensions, seed=seed), step=seed, settings=settings) for seed in range(300)]
    spread = torch.stack(values).std().item() / math.sqrt(300)
    assert torch.stack(values).mean().item() == pytest.approx(null_statistic(settings), abs=4 * spread)
    assert spread < 0.03


@pytest.mark.parametrize(("shape", "slices"), [((4, 1), 1), ((256, 64), 1024), ((3, 7), 5)])
def test_sigreg__of_zeros_is_known_and_has_exactly_no_gradient(shape: tuple[int, int], slices: int) -> None:
    zeros = torch.zeros(shape, requires_grad=True)
    value = sigreg(zeros, step=0, settings=SigregSettings(slices=slices))
    assert value.item() / len(zeros) == pytest.approx(0.402048, abs=1e-6)
    assert (gradient(value, zeros) == 0).all()
    wide = sigreg(zeros, step=0, settings=SigregSettings(slices=slices, t_max=5))
    assert wide.item() / len(zeros) == pytest.approx(0.408921, abs=1e-6)


@pytest.mark.parametrize(
    ("mean", "deviation", "expected"),
    [(0, 0.5, 0.151685), (0, 2, 0.236092), (0, 10, 1.12762), (1, 1, 0.444344), (5, 1, 2.849531)],
)
def test_sigreg__of_other_normal_samples_goes_to_the_closed_form(mean: float, deviation: float, expected: float) -> None:
    s2, m2 = deviation**2, mean**2
    closed = math.sqrt(2 * math.pi / (2 * s2 + 1)) + math.sqrt(2 * math.pi / 3)
    closed -= 2 * math.sqrt(2 * math.pi / (s2 + 2)) * math.exp(-m2 / (2 * (s2 + 2)))
    assert closed == pytest.approx(expected, abs=1e-5)
    points = quantiles(20001, mean=mean, deviation=deviation)
    assert sigreg(points, step=0, settings=WHOLE_LINE).item() / len(points) == pytest.approx(closed, abs=1e-5)


def test_sigreg__of_a_wide_normal_shows_the_default_quadrature_s_truncation() -> None:
    points = quantiles(20001, deviation=10)
    assert sigreg(points, step=0, settings=ONE).item() / len(points) == pytest.approx(1.14523, abs=1e-5)


def test_sigreg__of_far_points_goes_to_what_the_target_alone_has() -> None:
    alone = math.sqrt(2 * math.pi / 3)
    assert alone == pytest.approx(1.4472, abs=1e-4)
    dispersed = column(20.0 * index + 20 for index in range(12))  # type: ignore[arg-type]
    found = sigreg(dispersed, step=0, settings=WHOLE_LINE).item() / len(dispersed)
    assert found == pytest.approx(alone + C / len(dispersed), abs=1e-6)  # and each sample beside itself
    assert sigreg(column([40]), step=0, settings=WHOLE_LINE).item() == pytest.approx(C + alone, abs=1e-6)


def test_sigreg__of_seeded_noise_has_the_published_code_s_values() -> None:
    samples = noise(256, 64, seed=0)
    torch.manual_seed(0)
    torch.testing.assert_close(samples, torch.randn(256, 64), rtol=0, atol=0)
    assert sigreg(samples, step=0).item() == pytest.approx(1.101888, abs=1e-4)
    assert sigreg(samples, step=1).item() == pytest.approx(1.141419, abs=1e-4)


def _half_zero(samples: Tensor) -> Tensor:
    return torch.cat([samples[:, :32], torch.zeros_like(samples[:, 32:])], dim=1)


@pytest.mark.parametrize("seed", range(3))
def test_sigreg__tells_how_samples_differ_from_normal_ones(seed: int) -> None:
    samples, point, along = noise(128, 64, seed=seed), noise(1, 64, seed=10 + seed), noise(128, 1, seed=20 + seed)
    corners = torch.where(noise(512, 1, seed=seed) > 0, 1.0, -1.0).expand(512, 2)
    found = {
        "normal": sigreg(samples, step=seed).item(),
        "half as wide": sigreg(0.5 * samples, step=seed).item(),
        "twice as wide": sigreg(2 * samples, step=seed).item(),
        "shifted": sigreg(samples + 1, step=seed).item(),
        "half of the dimensions": sigreg(_half_zero(samples), step=seed).item(),
        "one point": sigreg((point / point.norm()).expand(128, 64), step=seed).item(),
        "zeros": sigreg(torch.zeros(128, 64), step=seed).item(),
        "one direction": sigreg(along * point, step=seed).item(),
        "two clusters": sigreg(corners, step=seed).item(),
    }
    # by chance of the samples; the slices of one set of samples are far from independent
    expected = {
        "normal": (1.05, 0.3), "half as wide": (20.2, 1.5), "twice as wide": (31.1, 3), "shifted": (48, 5),
        "half of the dimensions": (7.8, 1.5), "one point": (53, 1), "zeros": (51.46, 0.01), "one direction": (22.7, 3),
        "two clusters": (140, 12),
    }  # fmt: skip
    assert found == {name: pytest.approx(value, abs=by) for name, (value, by) in expected.items()}


def test_sigreg__is_nearly_blind_to_shapes_whose_projections_are_normal() -> None:
    uniform = (torch.rand(128, 64, generator=torch.Generator().manual_seed(0)) - 0.5) * math.sqrt(12)
    samples = noise(128, 64)
    on_sphere = 8 * samples / samples.norm(dim=1, keepdim=True)
    assert sigreg(uniform, step=0).item() == pytest.approx(0.97, abs=0.3)
    assert sigreg(on_sphere, step=0).item() == pytest.approx(0.95, abs=0.35)


@pytest.mark.parametrize("count", [16, 64, 256, 1024])
def test_sigreg__behind_a_batch_normalisation_lies_below_chance(count: int) -> None:
    normalised = torch.nn.BatchNorm1d(64, affine=False)(noise(count, 64))
    assert sigreg(normalised, step=0).item() == pytest.approx(0.575, abs=0.06)


def test_sigreg__order_and_sign_of_samples_change_nothing() -> None:
    samples = noise(40, 8, dtype=torch.float64)
    value = sigreg(samples, step=0)
    torch.testing.assert_close(sigreg(samples.flip(0), step=0), value)
    torch.testing.assert_close(sigreg(-samples, step=0), value)


def test_sigreg__turning_samples_and_directions_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, settings = noise(40, 8, dtype=torch.float64), SigregSettings(slices=32)
    turn = torch.linalg.qr(noise(8, 8, seed=1, dtype=torch.float64)).Q
    value = sigreg(samples, step=0, settings=settings)
    turned = turn @ directions(8, settings, step=0).double()
    monkeypatch.setattr("leadline.losses.sigreg.directions", lambda *_, **__: turned)
    torch.testing.assert_close(sigreg(samples @ turn.T, step=0, settings=settings), value, rtol=1e-6, atol=0)


def test_sigreg__grows_with_repetition_and_notices_factor_and_shift() -> None:
    samples = noise(40, 8, dtype=torch.float64)
    value = sigreg(samples, step=0)
    torch.testing.assert_close(sigreg(samples.repeat(3, 1), step=0), 3 * value)
    assert value >= 0
    assert abs(sigreg(1.5 * samples, step=0) - value) > 0.1 * value
    assert abs(sigreg(samples + 0.5, step=0) - value) > 0.1 * value


def test_sigreg__of_views_is_the_mean_over_views_and_not_that_of_all_samples() -> None:
    view = noise(20, 8, dtype=torch.float64)
    views = torch.stack([view, 2 * view, view + 1])
    alone = torch.stack([sigreg(one, step=4) for one in views])
    torch.testing.assert_close(sigreg(views, step=4), alone.mean())
    torch.testing.assert_close(epps_pulley_per_slice(views, step=4).mean(-1), alone)
    alike = view.expand(6, 20, 8)
    torch.testing.assert_close(sigreg(alike.reshape(120, 8), step=4), 6 * sigreg(alike, step=4))


def test_sigreg__of_nan_is_nan_and_of_huge_numbers_finite() -> None:
    samples = noise(16, 8)
    huge = (1e4 * samples).requires_grad_()
    value = sigreg(huge, step=0)
    assert value.isfinite()
    assert gradient(value, huge).isfinite().all()
    samples[3, 2] = torch.nan
    assert sigreg(samples, step=0).isnan()
    assert sigreg(torch.full((1, 8), torch.inf), step=0).isnan()


def test_sigreg__gradient_of_almost_one_point_is_in_proportion_to_its_spread() -> None:
    samples = noise(32, 8, dtype=torch.float64)
    sizes = [gradient(sigreg(tiny, step=0), tiny).norm() for tiny in (
        (factor * samples).requires_grad_() for factor in (1e-4, 1e-3)
    )]  # fmt: skip
    assert (sizes[1] / sizes[0]).item() == pytest.approx(10, rel=1e-3)


def test_sigreg__of_a_batch_of_one_pulls_to_the_origin() -> None:
    point = noise(1, 8).requires_grad_()
    pull = gradient(sigreg(point, step=0), point)
    assert torch.cosine_similarity(pull, point.detach()).item() > 0.9


def test_sigreg__has_the_right_gradient() -> None:
    samples, settings = noise(2, 5, 3, dtype=torch.float64).requires_grad_(), SigregSettings(slices=7)
    assert torch.autograd.gradcheck(lambda one: sigreg(one, step=0, settings=settings), samples)


def test_sigreg__computes_in_full_precision() -> None:
    samples = noise(64, 32)
    first = samples.clone().requires_grad_()
    value = sigreg(first, step=0)
    slope = gradient(value, first)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        leaf = samples.clone().requires_grad_()
        cast = sigreg(leaf, step=0)
        assert torch.equal(cast, value)
        assert torch.equal(gradient(cast, leaf), slope)
    rounded = samples.bfloat16().requires_grad_()
    half = sigreg(rounded, step=0)
    assert half.dtype == torch.float32
    assert torch.equal(half, sigreg(samples.bfloat16().float(), step=0))
    assert gradient(half, rounded).dtype == torch.bfloat16
    exact_value = sigreg(samples.double(), step=0)
    assert exact_value.dtype == torch.float64
    torch.testing.assert_close(value.double(), exact_value, rtol=1e-5, atol=0)


def test_directions__are_unit_columns_and_a_pure_function_of_the_step() -> None:
    settings = SigregSettings(slices=32)
    found = directions(16, settings, step=5)
    assert found.shape == (16, 32)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.norm(dim=0), torch.ones(32))
    torch.manual_seed(99)
    torch.rand(7)
    assert torch.equal(directions(16, settings, step=5), found)
    assert not torch.isclose(directions(16, settings, step=6), found).any(dim=0).all()
    before = torch.get_rng_state()
    directions(16, settings, step=7)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_passes__over_uneven_micro_batches_have_value_and_gradient_of_the_whole_batch(dtype: torch.dtype) -> None:
    leaf = (0.7 * noise(2, 64, 16, dtype=dtype)).requires_grad_()
    parts = leaf.split([16, 16, 31, 1], dim=1)  # type: ignore[no-untyped-call]
    sums = sum((characteristic_sums(one, step=2) for one in parts[1:]), characteristic_sums(parts[0], step=2))
    assert not sums.cosine.requires_grad
    shares = [sigreg_of_sums(one, sums, step=2) for one in parts]
    whole = sigreg(leaf, step=2)
    torch.testing.assert_close(torch.stack(shares).sum(), whole, rtol=1e-5, atol=0)
    accumulated = torch.stack([gradient(share, leaf) for share in shares]).sum(0)
    torch.testing.assert_close(accumulated, gradient(whole, leaf), rtol=1e-5, atol=1e-6)
    apart = sum(gradient(sigreg(one, step=2) * one.shape[1] / 64, leaf) for one in parts)
    assert (apart - accumulated).norm() > 0.3 * accumulated.norm()  # what accumulation without two passes would do


def test_sigreg_of_sums__of_other_views_or_settings_is_refused() -> None:
    sums = characteristic_sums(noise(2, 8, 4), step=0)
    with pytest.raises(ContractError, match=r"expected sums of \(2, 1024, 17\).*; got \(3, 1024, 17\).*same views"):
        sigreg_of_sums(noise(3, 8, 4), sums, step=0)


def test_sigreg__of_a_single_vector_is_refused() -> None:
    with pytest.raises(ContractError, match=r"expected embeddings \(...,N,D\).*; got \(8,\)"):
        sigreg(noise(8), step=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slices": 0}, "slices of 1 or more; got 0"),
        ({"knots": 1}, "knots of 2 or more; got 1"),
        ({"t_max": 0.0}, "finite t_max above 0; got 0.0"),
        ({"t_max": math.nan}, "finite t_max above 0; got nan"),
        ({"slices_at_once": -1}, "slices_at_once of 0 or more; got -1"),
    ],
)
def test_settings__that_measure_nothing_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SigregSettings(**settings)  # type: ignore[arg-type]
