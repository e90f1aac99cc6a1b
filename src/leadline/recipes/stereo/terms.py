# SPDX-License-Identifier: Apache-2.0
"""The loss terms of the three stages: pairs and what the network says of them enter; named scalars leave.

Only terms with a weight are computed; weights are the recipe's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from leadline.geometry.warp import warp_by_disparity
from leadline.losses.disparity_guidance import gradient_guidance, out_of_view_guidance
from leadline.losses.maps import full_precision
from leadline.losses.photometric import l1_difference, photometric_difference
from leadline.losses.smoothness import second_order_smoothness
from leadline.losses.volume import cost_guidance, guide_at, synthesise, volume_distillation
from leadline.recipes.stereo.guide import LEFT, Guide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from leadline.losses.perceptual import PerceptualDifference
    from leadline.recipes.stereo.pair import Pair

MaskedMean: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"


def mono_terms(
    pair: Pair,
    logits: Tensor,
    disparity_px: Tensor,
    *,
    levels_px: Tensor,
    losses: Mapping[str, float],
    perceptual: PerceptualDifference | None,
) -> dict[str, Tensor]:
    """Name -> (): how well the left view is made of the right one and the right one's volume (B,N,H,W).

    The smoothness of (B,H,W) disparity is in pixels, all else without unit.
    """
    terms: dict[str, Tensor] = {}
    if {"photometric", "perceptual"} & losses.keys():
        made = synthesise(logits=logits, image=pair.seen_right, levels_px=levels_px, direction=LEFT)
        if "photometric" in losses:
            terms["photometric"] = l1_difference(image=made, target=pair.seen_left).mean()
        if "perceptual" in losses and perceptual is not None:
            terms["perceptual"] = perceptual(made, pair.seen_left).sum()
    if "smooth" in losses:
        terms["smooth"] = second_order_smoothness(disparity_px=disparity_px, image=pair.right).mean()
    return terms


def stereo_terms(
    pair: Pair,
    disparity_px: Tensor,
    costs: tuple[Tensor, ...],
    guide: Guide,
    *,
    losses: Mapping[str, float],
    mean: MaskedMean,
) -> dict[str, Tensor]:
    """Name -> (): how well (B,H,W) disparity makes the left view where it can be seen, and how far it is from the guide.

    ``costs`` are (B,N,h,w) logits of the match at three scales, whose guidance is added up; ``mean`` takes map and mask.
    """
    terms: dict[str, Tensor] = {}
    if "photometric" in losses:
        made = warp_by_disparity(pair.right, disparity_px, direction=LEFT)
        target = torch.where(guide.seen[:, None], pair.left, guide.made)
        terms["photometric"] = photometric_difference(image=made, target=target).mean()
    if "smooth" in losses:
        terms["smooth"] = second_order_smoothness(disparity_px=disparity_px, image=pair.left).mean()
    if "cost" in losses:
        terms["cost"] = torch.stack([_cost(cost, guide) for cost in costs]).sum()
    if "gradient" in losses:
        terms["gradient"] = gradient_guidance(disparity_px=disparity_px, guide_px=guide.disparity_px).mean()
    if "out-of-view" in losses:
        strayed = out_of_view_guidance(disparity_px=disparity_px, guide_px=guide.disparity_px, in_view=guide.in_view)
        terms["out-of-view"] = mean(strayed, ~guide.in_view)
    return terms


def refine_terms(logits: Tensor, fused_probabilities: Tensor) -> dict[str, Tensor]:
    """Name -> (): how far the refined path's (B,N,H,W) volume is from the fused one, nats."""
    refined = full_precision(logits).softmax(dim=1)
    return {
        "distillation": volume_distillation(refined_probabilities=refined, fused_probabilities=fused_probabilities).mean()
    }


def _cost(cost_logits: Tensor, guide: Guide) -> Tensor:
    size = (cost_logits.shape[2], cost_logits.shape[3])
    told = guide_at(guide.probabilities, size)
    return cost_guidance(cost_probabilities=full_precision(cost_logits).softmax(dim=1), guide_probabilities=told).mean()
