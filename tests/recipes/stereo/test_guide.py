# SPDX-License-Identifier: Apache-2.0
"""What one eye teaches two, and both teach the refined path."""

from __future__ import annotations

from functools import partial

import torch

from leadline.losses.maps import masked_mean
from leadline.recipes.stereo.guide import fused_volume, guide_of
from leadline.recipes.stereo.pair import pair_of
from leadline.recipes.stereo.terms import mono_terms, refine_terms, stereo_terms
from tests.recipes.stereo.toy import shifted_batch, toy_recipe

SURE = 40.0


def certain(level: int, size: tuple[int, int], levels: int = 9) -> torch.Tensor:
    """Logits (2,N,H,W) that are sure of one level."""
    logits = torch.zeros(2, levels, *size)
    logits[:, level] = SURE
    return logits


def test_guide__sees_the_left_view_where_both_cameras_do() -> None:
    recipe = toy_recipe(levels=5, least_disparity=1.0, greatest_disparity=16.0)  # 1, 2, 4, 8, 16 px
    pair = pair_of(shifted_batch(disparity_px=8), None)
    guide = guide_of(recipe.trained, certain(3, pair.size, 5), pair)
    assert torch.allclose(guide.disparity_px, torch.tensor(8.0), atol=1e-3)
    assert torch.allclose(guide.made[..., 8:], pair.left[..., 8:], atol=1e-4)
    assert not guide.in_view[..., :8].any()
    assert guide.in_view[..., 8:].all()
    assert not (guide.seen & ~guide.in_view).any()


def test_terms__are_nothing_where_the_network_is_right_and_grow_where_it_is_wrong() -> None:
    recipe = toy_recipe(levels=5, least_disparity=1.0, greatest_disparity=16.0, augment=False)
    pair = pair_of(shifted_batch(disparity_px=8), None)
    right, wrong = certain(3, pair.size, 5), certain(2, pair.size, 5)
    guide = guide_of(recipe.trained, right, pair)
    losses = recipe.specs["stereo"].losses

    def stereo(logits: torch.Tensor) -> dict[str, torch.Tensor]:
        disparity_px = recipe.trained.disparity_px(logits)
        return stereo_terms(pair, disparity_px, (logits[:, :, ::4, ::4],), guide, losses=losses, mean=masked_mean)

    def mono(logits: torch.Tensor) -> dict[str, torch.Tensor]:
        return mono_terms(
            pair,
            logits,
            recipe.trained.disparity_px(logits),
            levels_px=recipe.trained.levels_px,
            losses=recipe.specs["mono"].losses,
            perceptual=None,
        )

    good, bad = stereo(right), stereo(wrong)
    assert good["photometric"] < 1e-3
    assert bad["photometric"] > 10 * good["photometric"]
    assert (float(good["cost"]), float(good["out-of-view"])) == (0.0, 0.0)
    assert bad["cost"] > 1
    assert bad["out-of-view"] > 0
    assert mono(wrong)["photometric"] > 3 * mono(right)["photometric"]


def test_masked_means__divide_by_all_pixels_or_by_those_that_count() -> None:
    recipe = toy_recipe(levels=5, least_disparity=1.0, greatest_disparity=16.0)
    pair = pair_of(shifted_batch(disparity_px=8), None)
    guide = guide_of(recipe.trained, certain(3, pair.size, 5), pair)
    disparity_px = torch.full((2, *pair.size), 10.0)
    means = {
        over: float(
            stereo_terms(pair, disparity_px, (), guide, losses={"out-of-view": 1.0}, mean=partial(masked_mean, over=over))[
                "out-of-view"
            ]
        )
        for over in ("all", "valid")
    }
    assert abs(means["valid"] - 2.0) < 1e-3
    assert abs(means["all"] - 2.0 * 8 / pair.size[1]) < 1e-3


def test_refined_path__has_nothing_to_learn_from_itself() -> None:
    recipe = toy_recipe()
    size = (64, 128)
    logits = certain(4, size)
    fused = fused_volume(recipe.trained, mono_probabilities=logits.softmax(1), stereo_logits=logits)
    assert torch.allclose(fused.sum(1), torch.ones(2, *size), atol=1e-5)
    assert abs(float(refine_terms(logits, fused)["distillation"])) < 1e-5
    assert float(refine_terms(certain(5, size), fused)["distillation"]) > 1
