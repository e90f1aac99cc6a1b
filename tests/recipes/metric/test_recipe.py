# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch
from leadline.losses.gradient import gradient_l1
from leadline.losses.pooling import keep
from leadline.losses.silog import dav2_silog, zoe_silog
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.metric.recipe import MetricRecipe, model_config
from leadline.training.recipe import Progress, StepResult

START = Progress(epoch=0, step=0, total_steps=1, sum_across=keep)


def toy_config(**changes: Any) -> MetricConfig:
    base = MetricConfig(encoder="dinov2-toy", n_bins=8, bin_embedding_dim=16, train_encoder=True, datasets=("procedural",))
    return dataclasses.replace(base, **changes)


def toy_recipe(**changes: Any) -> MetricRecipe:
    torch.manual_seed(0)
    config = toy_config(**changes)
    return MetricRecipe(config, DepthModel(model_config(config)))


def toy_batch(count: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(1)
    depth = torch.rand(count, 28, 42, generator=generator) * 12
    return Batch(
        keys=tuple(map(str, range(count))),
        datasets=("toy",) * count,
        image=torch.rand(count, 3, 28, 42, generator=generator),
        depth=depth,
        valid=torch.rand(count, 28, 42, generator=generator) > 0.2,
    )


def stepped(recipe: MetricRecipe, batch: Batch) -> StepResult:
    return recipe.step({"train": batch}, START)


def test_metric_recipe__its_loss_is_the_weighted_sum_of_the_three_named_losses() -> None:
    recipe, batch = toy_recipe(silog_weight=2.0, grad_weight=0.25, metric_silog_weight=0.5), toy_batch()
    recipe.eval()
    assert batch.depth is not None
    assert batch.valid is not None
    model = recipe.trained
    seen = {
        "predicted_m": model(model.normalisation.apply(batch.image)),
        "target_m": batch.depth,
        "valid": batch.valid,
    }
    expected = 2.0 * zoe_silog(**seen) + 0.25 * gradient_l1(**seen) + 0.5 * dav2_silog(**seen)
    result = stepped(recipe, batch)
    torch.testing.assert_close(result.loss, expected)
    assert list(result.parts) == ["SILog", "Grad", "MetricSILog"]


def test_metric_recipe__depth_marked_invalid_changes_nothing() -> None:
    recipe, batch = toy_recipe().eval(), toy_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    before = stepped(recipe, batch).loss
    poisoned = batch.depth.clone()
    poisoned[~batch.valid] = torch.nan
    torch.testing.assert_close(stepped(recipe, dataclasses.replace(batch, depth=poisoned)).loss, before)


def test_metric_recipe__a_weight_of_zero_skips_the_term() -> None:
    result = stepped(toy_recipe(grad_weight=0.0), toy_batch())
    assert "Grad" not in result.parts
    assert torch.isfinite(result.loss)


def test_metric_recipe__an_empty_mask_gives_a_finite_loss_of_zero_and_no_gradient() -> None:
    recipe, batch = toy_recipe(), toy_batch()
    assert batch.valid is not None
    result = stepped(recipe, dataclasses.replace(batch, valid=torch.zeros_like(batch.valid)))
    result.loss.backward()  # type: ignore[no-untyped-call]
    assert result.loss.item() == 0.0
    assert all(one.grad is None or not one.grad.any() for one in recipe.parameters())


def test_metric_recipe__every_trainable_parameter_is_in_one_group_at_its_rate() -> None:
    recipe = toy_recipe(encoder_lr_factor=20.0)
    groups = recipe.parameter_groups()
    assert {group.name: group.lr_factor for group in groups} == {"encoder": 1 / 20.0, "decoder": 1.0, "head": 1.0}
    listed = [id(one) for group in groups for one in group.parameters]
    assert sorted(listed) == sorted(id(one) for one in recipe.parameters() if one.requires_grad)
    assert toy_recipe(use_lr_params=False).parameter_groups()[0].lr_factor == 1.0


def test_metric_recipe__a_frozen_encoder_has_no_group_no_gradient_and_stays_in_eval_mode() -> None:
    recipe = toy_recipe(train_encoder=False).train()
    stepped(recipe, toy_batch()).loss.backward()  # type: ignore[no-untyped-call]
    assert [group.name for group in recipe.parameter_groups()] == ["decoder", "head"]
    assert all(one.grad is None for one in recipe.trained.encoder.parameters())
    assert not recipe.trained.encoder.training
    assert recipe.trained.decoder.training


def test_metric_recipe__a_batch_without_depth_is_refused() -> None:
    with pytest.raises(ContractError, match="with depth"):
        stepped(toy_recipe(), dataclasses.replace(toy_batch(), depth=None, valid=None))


@pytest.mark.parametrize("changes", [{"taps": "v1", "encoder": "vits"}, {"head": "sigmoid"}, {"feature_mode": "stride8"}])
def test_model_config__flags_reach_the_network(changes: dict[str, Any]) -> None:
    built = model_config(toy_config(**changes))
    expected = {
        "taps": built.taps == (8, 9, 10, 11),
        "head": type(built.head).__name__ == "SigmoidHeadConfig",
        "feature_mode": built.feature_mode == "stride8",
    }
    assert expected[next(iter(changes))]


def test_model_config__every_bin_flag_reaches_the_head() -> None:
    flags: dict[str, Any] = {
        "n_bins": 9,
        "bin_centers_type": "hybrid2",
        "bin_embedding_dim": 12,
        "n_attractors": (5, 4, 3, 2),
        "attractor_alpha": 7.0,
        "attractor_gamma": 1,
        "attractor_kind": "mean",
        "attractor_type": "exp",
        "min_temp": 0.5,
        "max_temp": 6.0,
        "compat": True,
    }
    head = model_config(toy_config(min_depth=0.2, max_depth=8.0, **flags)).head
    assert {name: getattr(head, name) for name in flags} == flags
    assert (head.min_depth_m, head.max_depth_m) == (0.2, 8.0)  # type: ignore[union-attr]


def test_metric_recipe__draws_picture_truth_prediction_and_error_of_a_batch() -> None:
    recipe, batch = toy_recipe().eval(), toy_batch()
    with torch.no_grad():
        (tag,), (picture,) = zip(*recipe.pictures({"train": batch}).items(), strict=True)
    assert tag == "Train/Prediction"
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[1] > 4 * 42


def test_model_config__has_the_head_s_own_defaults() -> None:
    assert model_config(MetricConfig()).head == MetricBinsHeadConfig()
    assert model_config(MetricConfig()).encoder == "vitl"
