# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient
from leadline.losses.pooling import keep
from leadline.models.depth_model import DepthModel
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.relative.recipe import RelativeRecipe, model_config
from leadline.training.recipe import Progress
from tests.recipes.metric.test_recipe import toy_batch

START = Progress(epoch=0, step=0, total_steps=1, sum_across=keep)


def toy_recipe(**changes: Any) -> RelativeRecipe:
    torch.manual_seed(0)
    config = dataclasses.replace(RelativeConfig(encoder="dinov2-toy", datasets=("procedural",)), **changes)
    return RelativeRecipe(config, DepthModel(model_config(config)))


def test_relative_recipe__its_loss_is_the_weighted_sum_of_the_two_named_losses_in_disparity() -> None:
    recipe, batch = toy_recipe(ssi_weight=0.5, grad_weight=3.0).eval(), toy_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    predicted = recipe.predict(batch)
    ssi, gradient = (
        loss(predicted=predicted, target=1 / batch.depth, valid=batch.valid)
        for loss in (affine_invariant, affine_invariant_gradient)
    )
    result = recipe.step({"train": batch}, START)
    torch.testing.assert_close(result.loss, 0.5 * ssi + 3.0 * gradient)
    assert set(result.parts) == {"SSI", "Grad"}
    assert set(toy_recipe(grad_weight=0.0).eval().step({"train": batch}, START).parts) == {"SSI"}
    assert result.weight == batch.valid.sum()


def test_relative_recipe__truth_up_to_scale_and_shift_of_disparity_costs_nothing() -> None:
    recipe, batch = toy_recipe(), toy_batch()
    assert batch.depth is not None
    depth_m = batch.depth + 0.5
    batch = dataclasses.replace(batch, depth=depth_m)
    assert float(recipe.loss(3 / depth_m + 7, batch, keep).loss) < 1e-4
    assert float(recipe.loss(depth_m, batch, keep).loss) > 1


def test_relative_recipe__only_what_is_named_learns_and_the_rest_stays_bit_for_bit() -> None:
    recipe, batch = toy_recipe(learn=("decoder.resize_layers.3.weight",)), toy_batch()
    before = {name: value.clone() for name, value in recipe.trained.state_dict().items()}
    groups = recipe.parameter_groups()
    assert [group.name for group in groups] == ["decoder"]
    assert len(groups[0].parameters) == 1
    optimiser = torch.optim.SGD(groups[0].parameters, lr=1.0)
    recipe.train().step({"train": batch}, START).loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    after = recipe.trained.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"decoder.resize_layers.3.weight"}
    assert recipe.trained.encoder_frozen
    assert not recipe.trained.encoder.training


def test_relative_recipe__a_learning_encoder_has_a_rate_of_its_own() -> None:
    recipe = toy_recipe(learn=("encoder", "decoder"), encoder_lr_factor=4.0)
    assert {group.name: group.lr_factor for group in recipe.parameter_groups()} == {"encoder": 0.25, "decoder": 1.0}
    assert not recipe.trained.encoder_frozen


@pytest.mark.parametrize("name", ["decodr", "decoder.resize", "encoder.mask_token", "head"])
def test_relative_recipe__a_name_that_nothing_trainable_begins_with_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"--learn .*got '{name}'"):
        toy_recipe(learn=("decoder", name))
