# SPDX-License-Identifier: Apache-2.0
"""The loss terms of the stages: nothing where the network is right, more where it is wrong."""

from __future__ import annotations

from functools import partial

import torch

from leadline.losses.maps import masked_mean
from leadline.recipes.stereo.guide import fused_volume, guide_of
from leadline.recipes.stereo.pair import pair_of
from leadline.recipes.stereo.terms import mono_terms, refine_terms, stereo_terms
from tests.recipes.stereo.test_guide import certain
from tests.recipes.stereo.toy import shifted_batch, toy_recipe


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
