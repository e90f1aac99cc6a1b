# SPDX-License-Identifier: Apache-2.0
"""What one eye teaches two, and both teach the refined path."""

from __future__ import annotations

import torch

from leadline.recipes.stereo.guide import fused_volume, guide_of
from leadline.recipes.stereo.pair import pair_of
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


def test_fused_volume__sums_to_one_and_is_what_both_agree_on() -> None:
    recipe = toy_recipe()
    logits = certain(4, (64, 128))
    fused = fused_volume(recipe.trained, mono_probabilities=logits.softmax(1), stereo_logits=logits)
    assert torch.allclose(fused, logits.softmax(1), atol=1e-5)
