# SPDX-License-Identifier: Apache-2.0
"""Alignment: peers' numbers, invariances, every degenerate case, and the refusal to score a claim nobody made."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.geometry.alignment import (
    Alignment,
    NothingToFitError,
    align,
    alignment_for,
    check_alignment,
    fit_median_scale,
    fit_scale,
    fit_scale_shift,
    masked_median,
)
from tests.shared_paths import shared

TARGET_M = torch.linspace(1.0, 9.0, 48).reshape(6, 8)
ALL = torch.ones(6, 8, dtype=torch.bool)


def fixture(*names: str) -> list[torch.Tensor]:
    with np.load(shared("fixtures/zoe_losses_metrics.npz"), allow_pickle=False) as arrays:
        return [torch.from_numpy(arrays[name]) for name in names]


def depth_map(values: torch.Tensor, kind: DepthKind, valid: torch.Tensor = ALL) -> DepthMap:
    return DepthMap(values=values.float().numpy(), valid=valid.numpy(), kind=kind)


@pytest.mark.parametrize(("peer", "images"), [("midas", 3), ("marigold", 2)])
def test_fit_scale_shift__equals_the_peers(peer: str, images: int) -> None:
    pred, target, mask, scale, shift = fixture(
        "align.pred", "align.target", "align.mask", f"align.{peer}_scale", f"align.{peer}_shift"
    )
    ours = fit_scale_shift(predicted=pred[:images], target=target[:images], valid=mask[:images].bool())
    torch.testing.assert_close(ours[0], scale.double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(ours[1], shift.double(), rtol=1e-4, atol=0)


def test_fit_scale_shift__of_one_pixel_is_its_target() -> None:
    one = torch.zeros(1, 6, 8, dtype=torch.bool)
    one[0, 2, 3] = True
    scale, shift = fit_scale_shift(predicted=2 * TARGET_M[None], target=TARGET_M[None], valid=one)
    assert scale.item() == 0.0
    assert shift.item() == pytest.approx(TARGET_M[2, 3].item())


@pytest.mark.parametrize(
    ("pred", "depth", "cap"), [("disparity_pred", "to_depth_cap10", 10), ("disparity_pred2", "to_depth2_cap8", 8)]
)
def test_align__turns_disparity_into_the_peers_depth(pred: str, depth: str, cap: float) -> None:
    gt, mask, disparity, expected = fixture("gt", "mask", f"align.{pred}", f"align.disparity_{depth}")
    for image in range(2):
        prediction = depth_map(disparity[image], DepthKind.AFFINE_DISPARITY, torch.ones(20, 28, dtype=torch.bool))
        aligned = align(
            prediction, gt[image, 0], mask[image, 0].bool(), alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=cap
        )
        torch.testing.assert_close(torch.from_numpy(aligned.values), expected[image], rtol=1e-3, atol=0)


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50), seed=st.integers(0, 2**16))
def test_fit_scale_shift__recovers_any_affine_map_under_a_mask(scale: float, shift: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    predicted = torch.rand(2, 6, 8, generator=generator, dtype=torch.float64)
    valid = torch.rand(2, 6, 8, generator=generator) > 0.3
    target = torch.where(valid, scale * predicted + shift, torch.nan)
    fitted = fit_scale_shift(predicted=torch.where(valid, predicted, torch.nan), target=target, valid=valid)
    assert fitted[0].tolist() == pytest.approx([scale] * 2, rel=1e-6)
    assert fitted[1].tolist() == pytest.approx([shift] * 2, rel=1e-6, abs=1e-6)


def test_fit_scale_shift__is_the_minimum_of_the_squared_error() -> None:
    predicted = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def error(scale: torch.Tensor, shift: torch.Tensor) -> float:
        return float((scale * predicted + shift - TARGET_M).square().sum())

    scale, shift = fit_scale_shift(predicted=predicted, target=TARGET_M[None], valid=ALL[None])
    best = error(scale, shift)
    assert all(error(scale + a, shift + b) > best for a in (-1e-3, 0, 1e-3) for b in (-1e-3, 0, 1e-3) if a or b)


def test_fits__say_zero_where_nothing_can_be_fitted() -> None:
    nothing, constant = ~ALL[None], torch.full((1, 6, 8), 0.1)
    for fit in (fit_scale, fit_median_scale):
        assert fit(predicted=constant, target=TARGET_M[None], valid=nothing).item() == 0
        assert fit(predicted=0 * constant, target=TARGET_M[None], valid=ALL[None]).item() == 0
    assert [x.item() for x in fit_scale_shift(predicted=constant, target=TARGET_M[None], valid=nothing)] == [0, 0]
    scale, shift = fit_scale_shift(predicted=constant, target=TARGET_M[None], valid=ALL[None])
    assert scale.item() == 0
    assert shift.item() == pytest.approx(5.0)


def test_fit_scale_shift__small_variation_on_a_large_offset_is_not_constant() -> None:
    predicted = 1000 + TARGET_M.double()[None] * 1e-3
    scale, _ = fit_scale_shift(predicted=predicted, target=TARGET_M[None], valid=ALL[None])
    assert scale.item() == pytest.approx(1000, rel=1e-6)


def test_fit_scale__is_least_squares_and_median_is_the_ratio_of_medians() -> None:
    predicted = torch.tensor([[[1.0, 2.0, 4.0, torch.nan]]])
    target = torch.tensor([[[2.0, 2.0, 2.0, 7.0]]])
    valid = torch.tensor([[[True, True, True, False]]])
    assert fit_scale(predicted=predicted, target=target, valid=valid).item() == pytest.approx(14 / 21)
    assert fit_median_scale(predicted=predicted, target=target, valid=valid).item() == 1.0


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
@pytest.mark.parametrize("fit", [fit_scale_shift, fit_scale, fit_median_scale])
def test_fits__gradients_never_see_invalid_pixels(
    fit: Callable[..., torch.Tensor | tuple[torch.Tensor, torch.Tensor]], poison: float
) -> None:
    valid = (torch.arange(48).reshape(1, 6, 8) % 5) > 0
    gradients = []
    for outside in (poison, 3.0):
        predicted, target = (
            torch.where(valid, one, outside).requires_grad_() for one in (TARGET_M[None].sqrt(), TARGET_M[None])
        )
        fitted = fit(predicted=predicted, target=target, valid=valid)
        parts = fitted if isinstance(fitted, tuple) else (fitted,)
        gradients.append(torch.autograd.grad(torch.cat(parts).sum(), (predicted, target)))
    for spoiled, clean in zip(*gradients, strict=True):
        assert torch.equal(spoiled, clean)
        assert (spoiled[~valid] == 0).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.floats(0.02, 1))
def test_masked_median__equals_numpy(seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    values, valid = torch.randn(3, 5, 7, generator=generator), torch.rand(3, 5, 7, generator=generator) < share
    expected = [float(np.median(v[m].double())) if m.any() else 0.0 for v, m in zip(values, valid, strict=True)]
    assert masked_median(values, valid).tolist() == pytest.approx(expected)


CHANGES: dict[Alignment, tuple[DepthKind, Callable[[torch.Tensor], torch.Tensor]]] = {
    Alignment.MEDIAN: (DepthKind.SCALE_INVARIANT, lambda z: 0.3 * z),
    Alignment.MEDIAN_LOWER: (DepthKind.SCALE_INVARIANT, lambda z: 0.4 * z),
    Alignment.SCALE: (DepthKind.SCALE_INVARIANT, lambda z: 7 * z),
    Alignment.SCALE_SHIFT_DEPTH: (DepthKind.AFFINE_DEPTH, lambda z: 0.2 * z - 3),
    Alignment.SCALE_SHIFT_DISPARITY: (DepthKind.AFFINE_DISPARITY, lambda z: 4 / z + 2),
}


@pytest.mark.parametrize("alignment", CHANGES)
def test_align__undoes_exactly_what_the_kind_leaves_open(alignment: Alignment) -> None:
    kind, change = CHANGES[alignment]
    aligned = align(depth_map(change(TARGET_M), kind), TARGET_M, ALL, alignment=alignment, max_depth_m=10.0)
    assert aligned.kind is DepthKind.METRIC
    torch.testing.assert_close(torch.from_numpy(aligned.values), TARGET_M, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("alignment", [a for a in Alignment if a is not Alignment.NONE])
def test_align__fits_inverse_or_plain_depth_of_metric_predictions(alignment: Alignment) -> None:
    aligned = align(depth_map(TARGET_M, DepthKind.METRIC), TARGET_M, ALL, alignment=alignment, max_depth_m=10.0)
    torch.testing.assert_close(torch.from_numpy(aligned.values), TARGET_M, rtol=1e-5, atol=1e-5)


def test_align__none_leaves_metres_alone() -> None:
    aligned = align(depth_map(2 * TARGET_M, DepthKind.METRIC), TARGET_M, ALL, alignment=Alignment.NONE, max_depth_m=10.0)
    assert np.array_equal(aligned.values, 2 * TARGET_M.numpy())


def test_align__ignores_poisoned_truth_and_reports_unusable_predictions() -> None:
    predicted, valid, target = 0.5 * TARGET_M, ALL.clone(), TARGET_M.clone()
    valid[0], target[0] = False, torch.nan
    predicted[1, 2], predicted[0, 0] = torch.nan, torch.inf
    aligned = align(
        depth_map(predicted, DepthKind.SCALE_INVARIANT), target, valid, alignment=Alignment.SCALE, max_depth_m=10.0
    )
    assert not aligned.valid[1, 2]
    assert not aligned.valid[0, 0]
    assert aligned.valid.sum() == 46
    np.testing.assert_allclose(aligned.values[2:], TARGET_M[2:], rtol=1e-6)


def test_align__an_inverted_prediction_is_not_rescued() -> None:
    disparity = depth_map(TARGET_M, DepthKind.AFFINE_DISPARITY)
    aligned = align(disparity, TARGET_M, ALL, alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=10.0)
    np.testing.assert_allclose(aligned.values, 1 / float((1 / TARGET_M).mean()), rtol=1e-5)


def test_align__depth_without_disparity_is_unusable_not_infinite() -> None:
    predicted = TARGET_M.clone()
    predicted[3, 3] = 0.0
    aligned = align(
        depth_map(predicted, DepthKind.METRIC), TARGET_M, ALL, alignment=Alignment.SCALE_SHIFT_DISPARITY, max_depth_m=10.0
    )
    assert not aligned.valid[3, 3]
    assert np.isfinite(aligned.values[aligned.valid]).all()


ALLOWED = {
    DepthKind.METRIC: set(Alignment),
    DepthKind.SCALE_INVARIANT: set(Alignment) - {Alignment.NONE},
    DepthKind.AFFINE_DEPTH: {Alignment.SCALE_SHIFT_DEPTH},
    DepthKind.AFFINE_DISPARITY: {Alignment.SCALE_SHIFT_DISPARITY},
    DepthKind.STEREO_DISPARITY: {Alignment.SCALE_SHIFT_DISPARITY},
}


def test_alignment_for__takes_what_each_kind_lacks_and_no_more() -> None:
    fits = {
        DepthKind.METRIC: Alignment.NONE,
        DepthKind.SCALE_INVARIANT: Alignment.MEDIAN,
        DepthKind.AFFINE_DEPTH: Alignment.SCALE_SHIFT_DEPTH,
        DepthKind.AFFINE_DISPARITY: Alignment.SCALE_SHIFT_DISPARITY,
    }
    for kind, fit in fits.items():
        assert alignment_for(kind) is fit
        check_alignment(kind, fit)
    assert set(DepthKind) - set(fits) == {DepthKind.STEREO_DISPARITY}
    with pytest.raises(ContractError, match=r"got stereo_disparity; .*rig .*stereo_depth_m.*scale-shift-disparity"):
        alignment_for(DepthKind.STEREO_DISPARITY)


@pytest.mark.parametrize("kind", DepthKind)
@pytest.mark.parametrize("alignment", Alignment)
def test_align__never_judges_a_stronger_claim(kind: DepthKind, alignment: Alignment) -> None:
    if alignment in ALLOWED[kind]:
        check_alignment(kind, alignment)
        return
    with pytest.raises(ContractError, match=f"kind {kind.value}; choose .*{next(iter(ALLOWED[kind])).value}"):
        align(depth_map(TARGET_M, kind), TARGET_M, ALL, alignment=alignment, max_depth_m=10.0)


def test_align__wrong_size_and_empty_mask_are_said() -> None:
    prediction = depth_map(TARGET_M, DepthKind.METRIC)
    with pytest.raises(ContractError, match=r"truth's size \(6, 7\)"):
        align(prediction, TARGET_M[:, :7], ALL[:, :7], alignment=Alignment.NONE, max_depth_m=10.0)
    with pytest.raises(NothingToFitError, match=r"at least one pixel.*0 with truth, 48 with a prediction"):
        align(prediction, TARGET_M, ~ALL, alignment=Alignment.MEDIAN, max_depth_m=10.0)


def test_masked_median__of_an_even_count_is_numpys_mean_or_torchs_lower_one() -> None:
    values = torch.rand(3, 5, 8, generator=torch.Generator().manual_seed(2))
    valid = values > 0.2
    valid[1] = values[1] > values[1].flatten().sort().values[10]  # 29 of them
    for image in range(3):
        kept = values[image][valid[image]].double()
        one = slice(image, image + 1)
        assert masked_median(values[one], valid[one]).item() == pytest.approx(float(np.median(kept.numpy())))
        assert masked_median(values[one], valid[one], middle="lower").item() == pytest.approx(float(kept.median()))
    assert masked_median(values, torch.zeros_like(valid), middle="lower").tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("alignment", "factor"), [(Alignment.MEDIAN, 15 / 12.5), (Alignment.MEDIAN_LOWER, 10 / 5)])
def test_align__takes_the_median_its_name_says(alignment: Alignment, factor: float) -> None:
    target, everywhere = torch.tensor([[10.0, 20.0]]), torch.ones(1, 2, dtype=torch.bool)
    told = depth_map(torch.tensor([[5.0, 20.0]]), DepthKind.SCALE_INVARIANT, everywhere)
    aligned = align(told, target, everywhere, alignment=alignment, max_depth_m=80.0)
    assert aligned.values[0].tolist() == pytest.approx([5 * factor, 20 * factor])
