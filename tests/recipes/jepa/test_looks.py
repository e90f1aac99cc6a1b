# SPDX-License-Identifier: Apache-2.0
"""Views of one size pass the encoder together; a batch without views is one view of each picture."""

from __future__ import annotations

import torch

from leadline.recipes.jepa.looks import look_at, views_of
from tests.recipes.jepa.toy import toy_batch, toy_recipe, views_in, whole_batch


def test_look_at__says_of_each_view_what_it_says_of_it_alone() -> None:
    recipe = toy_recipe().eval()
    assert recipe.judge is not None
    stack = views_in(toy_batch()).stacks[0]
    look = look_at(stack, 1, model=recipe.trained, projector=recipe.judge.projector)
    alone = recipe.trained.encode(recipe.trained.normalisation.apply(stack.image[1]))
    torch.testing.assert_close(look.features.maps[-1][4:], alone.maps[-1])
    assert look.embeddings is not None
    torch.testing.assert_close(look.embeddings[1], recipe.judge.projector(recipe.trained.embed(alone)))
    assert look.size == (28, 42)
    assert [len(one) for one in look.features_of(1).maps] == [4] * len(look.features.maps)
    assert [len(one) for one in look.features_of(1).prefix] == [4] * len(look.features.prefix)
    depth, valid = look.truth()
    assert stack.depth is not None
    assert stack.valid is not None
    assert torch.equal(valid, stack.valid[0])
    assert torch.equal(depth.nan_to_num(), stack.depth[0].nan_to_num())


def test_look_at__without_a_projector_sees_only_what_learns_depth() -> None:
    recipe = toy_recipe(jepa_weight=0.0).eval()
    look = look_at(views_in(toy_batch()).stacks[0], 1, model=recipe.trained, projector=None)
    assert look.embeddings is None
    assert len(look.features.maps[-1]) == 4


def test_views_of__whole_pictures_are_one_global_view_where_they_are() -> None:
    batch = whole_batch(0, 1)
    views = views_of(batch)
    (stack,) = views.stacks
    assert views.n_global == 1
    assert torch.equal(stack.image[0], batch.image)
    assert stack.to_source.tolist() == [[[[1.0, 0.0], [1.0, 0.0]]] * 2]
    crops = toy_batch()
    assert views_of(crops) is crops.views
