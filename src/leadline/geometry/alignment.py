# SPDX-License-Identifier: Apache-2.0
"""The only place where the truth of an image lifts a claim for scoring: a prediction and truth enter, aligned metres leave.

Sums run in float64, closed form, all images of a batch at once.  What is degenerate is said, never guessed:

=======================  ===========================================================================================
case                     answer
=======================  ===========================================================================================
no valid pixel           the fits give scale 0 and shift 0; ``align`` raises NothingToFitError
constant prediction      scale 0, shift = mean of the target (one of the equal least-squares answers; MiDaS gives 0, 0)
negative scale           the fits report it; ``align`` takes the best non-negative scale, which is 0 with shift = mean of the
                         target: a claim up to a *positive* factor must not be rescued by turning it upside down
median or power <= 0     scale 0
=======================  ===========================================================================================
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import ContractError
from leadline.geometry.disparity import depth_from_disparity, inverse_depth

Middle: TypeAlias = Literal["mean", "lower"]
"""What the median of an even count is: the mean of the middle two, or the lower of them."""

# Below this ratio of spread to size a float32 prediction is constant: float32 resolves 6e-8.
_CONSTANT_RATIO = 1e-8


class NothingToFitError(ContractError):
    """Not one pixel with both truth and a usable prediction; without a fit there are no metres."""


class Alignment(Enum):
    """How a prediction is fitted to the truth of its own image before it is scored."""

    NONE = "none"  # the numbers are metres already
    MEDIAN = "median"  # factor = median(truth) / median(prediction), of an even count the mean of the middle two
    MEDIAN_LOWER = "median-lower"  # the same with the lower of the middle two, as torch.median takes it
    SCALE = "scale"  # least-squares factor
    SCALE_SHIFT_DEPTH = "scale-shift-depth"  # least-squares factor and offset of depth
    SCALE_SHIFT_DISPARITY = "scale-shift-disparity"  # the same of 1 / depth, then clamped and inverted

    @property
    def scores(self) -> DepthKind:
        """The claim that is left to judge once this alignment took away what the truth gave."""
        return _SCORES[self]


_SCORES = {
    Alignment.NONE: DepthKind.METRIC,
    Alignment.MEDIAN: DepthKind.SCALE_INVARIANT,
    Alignment.MEDIAN_LOWER: DepthKind.SCALE_INVARIANT,
    Alignment.SCALE: DepthKind.SCALE_INVARIANT,
    Alignment.SCALE_SHIFT_DEPTH: DepthKind.AFFINE_DEPTH,
    Alignment.SCALE_SHIFT_DISPARITY: DepthKind.AFFINE_DISPARITY,
}


def fit_scale_shift(*, predicted: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares scale and shift with ``scale * predicted + shift ~ target`` (MiDaS, Ranftl et al. 2020).

    Args:
        predicted, target: (B, H, W), any unit.
        valid: (B, H, W) bool; elsewhere nothing is read, and gradients are 0.

    Returns:
        (B,) scale, target units per predicted unit, and (B,) shift in the unit of the target, float64; the scale may be
        negative.  Degenerate cases as in the module's table.

    >>> truth, everywhere = torch.tensor([[[1.0, 2.0, 4.0]]]), torch.ones(1, 1, 3, dtype=torch.bool)
    >>> [round(value.item(), 6) for value in fit_scale_shift(predicted=2 * truth - 1, target=truth, valid=everywhere)]
    [0.5, 0.5]
    """
    count = valid.sum(dim=(-2, -1)).double()
    predicted, target = (_zero_where_invalid(x, valid) for x in (predicted, target))
    mean_p, mean_t = (x.sum(dim=(-2, -1)) / count.clamp(min=1) for x in (predicted, target))
    centred_p, centred_t = predicted - mean_p[..., None, None], target - mean_t[..., None, None]
    spread = _masked_sum(centred_p.square(), valid)
    size = spread + count * mean_p.square()
    constant = spread <= size * _CONSTANT_RATIO**2
    scale = torch.where(constant, 0.0, _masked_sum(centred_p * centred_t, valid) / torch.where(constant, 1.0, spread))
    return scale, mean_t - scale * mean_p


def fit_scale(*, predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Least-squares factor with ``scale * predicted ~ target``: (B, H, W) each, any unit -> (B,) float64.

    Where ``valid`` is false nothing is read, and gradients are 0.  The factor may be negative; it is 0 where no pixel is
    valid or all valid predictions are 0.

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> fit_scale(predicted=2 * truth, target=truth, valid=truth > 0).item()
    0.5
    """
    predicted, target = (_zero_where_invalid(x, valid) for x in (predicted, target))
    power, product = (x.sum(dim=(-2, -1)) for x in (predicted.square(), predicted * target))
    return torch.where(power > 0, product / torch.where(power > 0, power, 1.0), 0.0)


def fit_median_scale(*, predicted: Tensor, target: Tensor, valid: Tensor, middle: Middle = "mean") -> Tensor:
    """``median(target) / median(predicted)`` of valid pixels (SfMLearner, Zhou et al. 2017): (B, H, W) each -> (B,) float64.

    ``middle`` as in ``masked_median``.  Maps may have any unit; the factor is 0 where the predicted median is not positive
    or no pixel is valid.

    >>> truth = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> fit_median_scale(predicted=2 * truth, target=truth, valid=truth > 0).item()
    0.5
    """
    median_p, median_t = masked_median(predicted, valid, middle=middle), masked_median(target, valid, middle=middle)
    return torch.where(median_p > 0, median_t / torch.where(median_p > 0, median_p, 1.0), 0.0)


def masked_median(values: Tensor, valid: Tensor, *, middle: Middle = "mean") -> Tensor:
    """Median of the valid pixels of each image: (B, H, W), any unit -> (B,) float64; 0 where an image has none.

    The median of an even count is the mean of the two middle values, as NumPy has it, or with ``middle="lower"`` the lower
    of them, as torch has it.

    >>> masked_median(torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[[True, True, False]]])).item()
    1.5
    """
    ordered = torch.where(valid, values.double(), torch.inf).flatten(-2).sort(dim=-1).values
    count = valid.sum(dim=(-2, -1))
    lower = (count - 1).clamp(min=0) // 2
    places = torch.stack([lower, lower if middle == "lower" else count // 2], dim=-1).clamp(max=ordered.shape[-1] - 1)
    return torch.where(count > 0, ordered.gather(-1, places).mean(dim=-1), 0.0)


def alignment_for(kind: DepthKind) -> Alignment:
    """The fit that takes from the truth what a prediction of ``kind`` lacks, and no more.

    Raises:
        ContractError: stereo disparity, which lacks nothing but its rig; no truth is needed to turn it into metres.

    >>> alignment_for(DepthKind.AFFINE_DISPARITY)
    <Alignment.SCALE_SHIFT_DISPARITY: 'scale-shift-disparity'>
    """
    fit = next((fit for fit in Alignment if fit.scores is kind), None)
    if fit is None:
        raise ContractError(
            expected=f"a kind that one alignment scores: {', '.join(sorted({fit.scores.value for fit in Alignment}))}",
            got=kind.value,
            remedy="turn it into metres with its rig (geometry.disparity.stereo_depth_m), "
            f"or choose alignment '{Alignment.SCALE_SHIFT_DISPARITY.value}', which forgets the rig",
        )
    return fit


def check_alignment(kind: DepthKind, alignment: Alignment) -> None:
    """Refuse to score a claim stronger than ``kind`` makes: relative depth without alignment, disparity fitted as depth.

    Raises:
        ContractError: naming the alignments that ``kind`` may be scored with.
    """
    if alignment.scores in kind.judged_as:
        return
    allowed = ", ".join(a.value for a in Alignment if a.scores in kind.judged_as)
    raise ContractError(
        expected=f"a prediction that claims {alignment.scores.value}, which alignment '{alignment.value}' scores",
        got=f"a prediction of kind {kind.value}",
        remedy=f"choose --alignment for this kind: {allowed}",
    )


def align(prediction: DepthMap, target_m: Tensor, valid: Tensor, *, alignment: Alignment, max_depth_m: float) -> DepthMap:
    """The prediction in metres, after taking from the truth what ``alignment`` allows and no more.

    Args:
        prediction: (H, W) map of any kind that ``alignment`` may score.
        target_m: (H, W) true z-depth in metres.
        valid: (H, W) bool, pixels of the truth that enter the fit; invalid or non-finite predictions never enter it.
        alignment: the fit.
        max_depth_m: far end of the protocol's range; clamps SCALE_SHIFT_DISPARITY, ignored otherwise.

    Returns:
        METRIC map (H, W) in metres, clamped by SCALE_SHIFT_DISPARITY alone and only from above; ``valid`` is false where
        the prediction had no usable number.

    Raises:
        ContractError: the kind is too weak for the alignment, or the sizes differ.
        NothingToFitError: no pixel is left to fit.
    """
    check_alignment(prediction.kind, alignment)
    values, usable = _in_fitted_space(prediction, alignment)
    if values.shape != target_m.shape or values.shape != valid.shape:
        raise ContractError(
            expected=f"a prediction of the truth's size {tuple(target_m.shape)}",
            got=f"{tuple(values.shape)} with a mask of {tuple(valid.shape)}",
            remedy="resize the prediction first",
        )
    if alignment is Alignment.NONE:
        return replace(prediction, valid=usable.numpy())
    fitted = valid & usable
    if not bool(fitted.any()):
        raise NothingToFitError(
            expected="at least one pixel with both truth and a usable prediction",
            got=f"none; {int(valid.sum())} with truth, {int(usable.sum())} with a prediction",
            remedy="count every pixel of this prediction as missing",
        )
    target = inverse_depth(target_m) if alignment is Alignment.SCALE_SHIFT_DISPARITY else target_m
    aligned = _fitted(values[None], target[None], fitted[None], alignment)[0]
    if alignment is Alignment.SCALE_SHIFT_DISPARITY:
        aligned = depth_from_disparity(aligned, max_depth_m=max_depth_m)
    return replace(prediction, values=aligned.float().numpy(), valid=usable.numpy(), kind=DepthKind.METRIC)


def _in_fitted_space(prediction: DepthMap, alignment: Alignment) -> tuple[Tensor, Tensor]:
    """The predicted numbers in the space of the fit and where they are usable; depth <= 0 has no disparity."""
    values, usable = torch.tensor(prediction.values), torch.tensor(prediction.valid)
    usable = usable & values.isfinite()
    if alignment is Alignment.SCALE_SHIFT_DISPARITY and not prediction.kind.near_is_large:
        usable = usable & (values > 0)
        return inverse_depth(values), usable
    return values, usable


def _fitted(values_BHW: Tensor, target_BHW: Tensor, valid_BHW: Tensor, alignment: Alignment) -> Tensor:
    if alignment in {Alignment.MEDIAN, Alignment.MEDIAN_LOWER}:
        middle: Middle = "lower" if alignment is Alignment.MEDIAN_LOWER else "mean"
        factor = fit_median_scale(predicted=values_BHW, target=target_BHW, valid=valid_BHW, middle=middle)
        return values_BHW * factor[:, None, None]
    if alignment is Alignment.SCALE:
        return values_BHW * fit_scale(predicted=values_BHW, target=target_BHW, valid=valid_BHW)[:, None, None].clamp(min=0)
    scale, shift = fit_scale_shift(predicted=values_BHW, target=target_BHW, valid=valid_BHW)
    mean_target = _masked_sum(target_BHW, valid_BHW) / valid_BHW.sum(dim=(-2, -1))
    shift = torch.where(scale < 0, mean_target, shift)
    return values_BHW.double() * scale.clamp(min=0)[:, None, None] + shift[:, None, None]


def _masked_sum(values: Tensor, valid: Tensor) -> Tensor:
    """(..., H, W) -> (...) float64."""
    return _zero_where_invalid(values, valid).sum(dim=(-2, -1))


def _zero_where_invalid(values: Tensor, valid: Tensor) -> Tensor:
    """To float64.  Before any arithmetic, so that NaN there reaches neither a sum nor, as 0 * NaN, a gradient."""
    return torch.where(valid, values.double(), 0.0)
