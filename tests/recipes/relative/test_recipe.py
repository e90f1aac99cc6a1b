# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Batch
from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient
from leadline.losses.pooling import keep
from leadline.models.depth_model import DepthModel
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.relative.recipe import RelativeRecipe
from leadline.recipes.supervised.network import disparity_network
from leadline.training.distributed import StepModule
from leadline.training.placement import Placement
from leadline.training.recipe import Progress
from leadline.training.update import Work, gather_gradients
from tests.recipes.metric.test_recipe import toy_batch

START = Progress(epoch=0, step=0, total_steps=1, sum_across=keep)


def toy_recipe(**changes: Any) -> RelativeRecipe:
    torch.manual_seed(0)
    config = dataclasses.replace(RelativeConfig(encoder="dinov2-toy", datasets=("procedural",)), **changes)
    return RelativeRecipe(config, DepthModel(disparity_network(config)))


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
    assert result.weight == 2
    bare = dataclasses.replace(batch, valid=batch.valid & torch.tensor([True, False])[:, None, None])
    assert recipe.step({"train": bare}, START).weight == 1  # what is a mean over pictures counts by those it is over


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


def gathered(*batches: Batch) -> tuple[list[torch.Tensor], dict[str, float]]:
    """Gradients and means of one update of those batches."""
    recipe = toy_recipe().double().eval()
    work = Work(batches=[{"train": batch} for batch in batches], seeds=[3] * len(batches), progress=START)
    means = gather_gradients(StepModule(recipe), work, Placement(device=torch.device("cpu")))
    found = [one.grad.clone() for one in recipe.parameters() if one.grad is not None]
    return found, {name: float(means[name]) for name in ("Loss", "SSI", "Grad")}


def test_relative_recipe__two_accumulated_batches_are_one_of_twice_the_size() -> None:
    whole = toy_batch(4)
    assert whole.depth is not None
    assert whole.valid is not None
    valid = whole.valid.clone()
    valid[0, :20] = False  # few pixels: it weighs as much as any other picture
    valid[3] = False  # none: it weighs nothing
    whole = dataclasses.replace(whole, image=whole.image.double(), depth=whole.depth.double() + 0.1, valid=valid)

    def part(rows: slice) -> Batch:
        assert whole.depth is not None
        return dataclasses.replace(whole, image=whole.image[rows], depth=whole.depth[rows], valid=valid[rows])

    once, means = gathered(whole)
    twice, same_means = gathered(part(slice(0, 2)), part(slice(2, 4)))
    assert len(once) == len(twice) > 0
    for one, other in zip(once, twice, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert means == pytest.approx(same_means)
