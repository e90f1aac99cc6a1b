# SPDX-License-Identifier: Apache-2.0
"""The recipe's loss, term by term; accumulated batches are one batch; what is frozen, left out or weighed by nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch, Field
from leadline.data.batch_tensors import with_tensors
from leadline.losses.dense_invariance import dense_invariance
from leadline.losses.lejepa import lejepa
from leadline.losses.pooling import keep
from leadline.losses.sigreg import SigregSettings
from leadline.losses.silog import eigen_scale_invariant
from leadline.losses.smooth_l1 import smooth_l1
from leadline.losses.variance import variance
from leadline.models.features import Features
from leadline.recipes.jepa.recipe import JepaRecipe
from leadline.training.recipe import StepResult
from tests.recipes.jepa.toy import LOCAL, START, toy_batch, toy_recipe, views_in, whole_batch

SIGREG = SigregSettings(slices=16)


def stepped(recipe: JepaRecipe, batch: Batch) -> StepResult:
    return recipe.eval().step({"train": batch}, START)


def embeddings(recipe: JepaRecipe, batch: Batch) -> Tensor:
    """(V,B,D), one view at a time."""
    assert recipe.judge is not None
    judge, model = recipe.judge, recipe.trained
    views = [view for stack in views_in(batch).stacks for view in stack.image]
    return torch.stack([judge.projector(model.embed(model.encode(model.normalisation.apply(view)))) for view in views])


def depth_costs(recipe: JepaRecipe, batch: Batch, views: Sequence[slice]) -> Tensor:
    """The cost of every view by itself, those of each stack that ``views`` says."""
    costs = []
    for stack, chosen in zip(views_in(batch).stacks, views, strict=True):
        assert stack.depth is not None
        assert stack.valid is not None
        for image, depth, valid in zip(stack.image[chosen], stack.depth[chosen], stack.valid[chosen], strict=True):
            for one in range(len(image)):
                if valid[one].any():
                    pick = slice(one, one + 1)
                    said = recipe.trained(recipe.trained.normalisation.apply(image[pick]))
                    costs.append(eigen_scale_invariant(predicted=said, target=depth[pick], valid=valid[pick]))
    return torch.stack(costs)


def test_jepa_recipe__its_loss_is_the_weighted_sum_of_depth_and_lejepa() -> None:
    recipe, batch = toy_recipe(depth_weight=2.0, jepa_weight=0.5, lamb=0.2).eval(), toy_batch()
    result = stepped(recipe, batch)
    judged = lejepa(embeddings(recipe, batch), n_global=2, lamb=0.2, step=START.step, settings=SIGREG)
    depth = depth_costs(recipe, batch, [slice(None), slice(None)]).mean()
    torch.testing.assert_close(result.loss, 2.0 * depth + 0.5 * judged.loss)
    torch.testing.assert_close(result.parts["Depth"], depth)
    torch.testing.assert_close(result.parts["Invariance"], judged.invariance)
    torch.testing.assert_close(result.parts["SIGReg"], judged.sigreg)
    assert result.predicted is not None
    assert result.predicted.shape == (8, 28, 42)


@pytest.mark.parametrize(("lamb", "left"), [(0.0, "Invariance"), (1.0, "SIGReg")])
def test_jepa_recipe__lambda_0_and_1_leave_exactly_one_term(lamb: float, left: str) -> None:
    result = stepped(toy_recipe(depth_weight=0.0, jepa_weight=1.0, lamb=lamb), toy_batch())
    assert result.loss == result.parts[left]


def test_jepa_recipe__the_sibling_without_views_is_sigreg_by_itself() -> None:
    recipe, batch = toy_recipe(jepa_weight=0.0, sigreg_weight=0.1), toy_batch(v_global=1, v_local=0)
    result = stepped(recipe, batch)
    torch.testing.assert_close(result.loss, result.parts["Depth"] + 0.1 * result.parts["SIGReg"])
    assert result.parts["Invariance"] == 0


def test_jepa_recipe__variance_and_dense_terms_come_with_their_weights() -> None:
    recipe, batch = toy_recipe(variance_weight=0.3, dense_weight=0.7, depth_weight=0.0).eval(), toy_batch()
    assert recipe.judge is not None
    result = stepped(recipe, batch)
    torch.testing.assert_close(result.parts["Variance"], variance(embeddings(recipe, batch)))
    stack = views_in(batch).stacks[0]
    maps = recipe.trained.encode(recipe.trained.normalisation.apply(stack.image.flatten(0, 1))).maps[-1]
    tokens = recipe.judge.projector(maps.permute(0, 2, 3, 1).flatten(0, 2)).unflatten(0, (2, 4, *maps.shape[2:]))
    dense = dense_invariance(tokens.permute(0, 1, 4, 2, 3), stack.to_source, size=(28, 42))
    torch.testing.assert_close(result.parts["Dense"], dense)
    lejepa_term = 0.5 * (0.95 * result.parts["Invariance"] + 0.05 * result.parts["SIGReg"])
    torch.testing.assert_close(result.loss, lejepa_term + 0.3 * result.parts["Variance"] + 0.7 * dense)
    assert not {"Variance", "Dense"} & stepped(toy_recipe(), batch).parts.keys()


@pytest.mark.parametrize("local", [LOCAL, (28, 42)])
def test_jepa_recipe__only_global_views_learn_depth_where_asked(local: tuple[int, int]) -> None:
    recipe, batch = toy_recipe(depth_on="global").eval(), toy_batch(local=local)
    views = [slice(2), slice(0)] if local == LOCAL else [slice(2)]
    torch.testing.assert_close(stepped(recipe, batch).parts["Depth"], depth_costs(recipe, batch, views).mean())


def test_jepa_recipe__local_views_as_large_as_global_ones_count_once() -> None:
    recipe, batch = toy_recipe().eval(), toy_batch(local=(28, 42))
    seen = embeddings(recipe, batch)
    assert seen.shape == (4, 4, 6)
    judged = lejepa(seen, n_global=2, lamb=0.05, step=START.step, settings=SIGREG)
    torch.testing.assert_close(stepped(recipe, batch).parts["Invariance"], judged.invariance)


def encoded_images(recipe: JepaRecipe, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> int:
    seen, encode = [0], recipe.trained.encode

    def counting(image: Tensor) -> Features:
        seen[0] += len(image)
        return encode(image)

    monkeypatch.setattr(recipe.trained, "encode", counting)
    stepped(recipe, batch)
    return seen[0]


@pytest.mark.parametrize(
    ("changes", "images"),
    [({}, 16), ({"depth_on": "global"}, 16), ({"jepa_weight": 0.0}, 16), ({"jepa_weight": 0.0, "depth_on": "global"}, 8)],
)
def test_jepa_recipe__encodes_each_view_once_and_none_that_nobody_learns_from(
    changes: dict[str, Any], images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encoded_images(toy_recipe(**changes), toy_batch(), monkeypatch) == images


def test_jepa_recipe__without_its_weight_there_is_no_projector_and_nothing_of_it_in_the_log() -> None:
    recipe = toy_recipe(jepa_weight=0.0)
    assert recipe.judge is None
    assert set(stepped(recipe, toy_batch()).parts) == {"Depth"}
    assert [group.name for group in recipe.parameter_groups()] == ["encoder", "decoder"]
    assert not recipe.surveys


def test_jepa_recipe__of_whole_pictures_learns_depth_alone_unless_told() -> None:
    alone = toy_recipe(full_size=True)
    assert alone.judge is None
    assert alone.needs["train"] == {Field.IMAGE, Field.DEPTH}
    batch = whole_batch(0, 1)
    assert batch.depth is not None
    assert batch.valid is not None
    expected = eigen_scale_invariant(predicted=alone.eval().predict(batch), target=batch.depth, valid=batch.valid)
    torch.testing.assert_close(stepped(alone, batch).loss, expected)


def test_jepa_recipe__learns_from_pictures_alone_and_says_what_it_needs() -> None:
    bare = with_tensors(toy_batch(), lambda one: one)
    views = views_in(bare)
    stacks = tuple(dataclasses.replace(stack, depth=None, valid=None) for stack in views.stacks)
    bare = dataclasses.replace(bare, depth=None, valid=None, views=dataclasses.replace(views, stacks=stacks))
    recipe = toy_recipe(depth_weight=0.0)
    assert recipe.needs["train"] == {Field.IMAGE, Field.VIEWS}
    assert set(stepped(recipe, bare).parts) >= {"Invariance", "SIGReg"}
    assert "Depth" not in stepped(recipe, bare).parts
    assert toy_recipe().needs["train"] == {Field.IMAGE, Field.DEPTH, Field.VIEWS}
    with pytest.raises(ContractError, match=r"views with depth.*--depth-weight 0"):
        stepped(toy_recipe(), bare)


def test_jepa_recipe__validation_sees_the_depth_loss_alone_in_metres() -> None:
    batch = whole_batch(0, 1)
    assert batch.depth is not None
    assert batch.valid is not None
    predicted = 2 * batch.depth.nan_to_num(1.0)
    cost = toy_recipe(depth_weight=0.5).loss(predicted, batch, keep)
    expected = eigen_scale_invariant(predicted=predicted, target=batch.depth, valid=batch.valid)
    torch.testing.assert_close(cost.loss, 0.5 * expected)
    linear = toy_recipe(depth_loss="smooth-l1").loss(predicted, batch, keep).loss
    torch.testing.assert_close(linear, smooth_l1(predicted=predicted / 12, target=batch.depth / 12, valid=batch.valid))


def test_jepa_recipe__says_metres_up_to_the_largest() -> None:
    recipe = toy_recipe(max_depth=7.0)
    said = recipe.eval().predict(whole_batch(0)).detach()
    assert recipe.trained.kind.unit == "m"
    assert 0 < float(said.min()) < float(said.max()) < 7.0


def test_jepa_recipe__a_frozen_encoder_stays_bit_for_bit_with_its_norms() -> None:
    recipe = toy_recipe(freeze_encoder=True, encoder="timm:resnet10t").train()
    before = {name: value.clone() for name, value in recipe.trained.encoder.state_dict().items()}
    batch = toy_batch(local=(14, 28))
    recipe.step({"train": batch}, START).loss.backward()  # type: ignore[no-untyped-call]
    assert [group.name for group in recipe.parameter_groups()] == ["decoder", "projector"]
    assert all(torch.equal(before[name], value) for name, value in recipe.trained.encoder.state_dict().items())
    assert not any(one.requires_grad for one in recipe.trained.encoder.parameters())
    assert not any(module.training for module in recipe.trained.encoder.modules())


def test_jepa_recipe__parts_have_rates_of_their_own() -> None:
    groups = {group.name: group.lr_factor for group in toy_recipe(encoder_lr_factor=4.0).parameter_groups()}
    assert groups == {"encoder": 0.25, "decoder": 1.0, "projector": 1.0}


def test_jepa_recipe__recomputes_to_the_same_gradients() -> None:
    found = []
    for again in (False, True):
        recipe = toy_recipe(gradient_checkpointing=again).eval()
        recipe.step({"train": toy_batch()}, START).loss.backward()  # type: ignore[no-untyped-call]
        found.append([one.grad for one in recipe.parameters() if one.grad is not None])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_jepa_recipe__draws_views_with_their_depth_and_what_it_says_of_the_first() -> None:
    drawn = toy_recipe().eval().pictures({"train": toy_batch()})
    assert set(drawn) == {"Train/Views", "Train/Prediction"}
    assert all(picture.ndim == 3 and picture.dtype == "uint8" for picture in drawn.values())
    assert set(toy_recipe(depth_weight=0.0).eval().pictures({"train": toy_batch()})) == {"Train/Views"}


def test_jepa_recipe__a_batch_without_any_truth_costs_nothing_and_stays_finite() -> None:
    batch = toy_batch(0, 1)
    nothing = with_tensors(batch, lambda one: torch.zeros_like(one) if one.dtype == torch.bool else one)
    recipe = toy_recipe(jepa_weight=0.0)
    result = stepped(recipe, nothing)
    assert float(result.loss.detach()) == 0.0
    assert result.weight == 0
    result.loss.backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is None or bool(one.grad.isfinite().all()) for one in recipe.parameters())


def test_jepa_recipe__the_embedding_of_every_global_view_gets_a_gradient() -> None:
    recipe, batch = toy_recipe(depth_weight=0.0, lamb=0.0), toy_batch(v_local=1)
    for stack in views_in(batch).stacks:
        stack.image.requires_grad_()
    stepped(recipe, batch).loss.backward()  # type: ignore[no-untyped-call]
    for stack in views_in(batch).stacks:
        assert stack.image.grad is not None
        assert bool((stack.image.grad.flatten(2).abs().sum(-1) > 0).all())
