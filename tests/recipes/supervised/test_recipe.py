# SPDX-License-Identifier: Apache-2.0
"""What every supervised recipe shares: the truth of a batch, and what its network says, computed now or remembered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch
from leadline.losses.pooling import SumAcross
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.feature_cache import FeatureCache
from leadline.recipes.supervised.recipe import SupervisedRecipe, truth
from leadline.training.recipe import ParameterGroup, Progress, StepResult


class Toy(SupervisedRecipe):
    """Says what its network says and costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trained = DepthModel(DepthModelConfig(encoder="dinov2-toy")).eval()

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        return self.loss(self.predict(batches["train"]), batches["train"], progress.sum_across)

    def parameter_groups(self) -> list[ParameterGroup]:
        return []

    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:  # noqa: ARG002
        return StepResult(loss=predicted.sum(), parts={})


def toy_batch(height: int = 28, width: int = 42) -> Batch:
    generator = torch.Generator().manual_seed(1)
    depth = torch.rand(2, height, width, generator=generator) + 1
    image = torch.rand(2, 3, height, width, generator=generator)
    return Batch(keys=("first", "second"), datasets=("toy",) * 2, image=image, depth=depth, valid=depth > 1.5)


def test_truth__is_the_batchs_own_depth_and_mask() -> None:
    batch = toy_batch()
    depth, valid = truth(batch)
    assert depth is batch.depth
    assert valid is batch.valid


@pytest.mark.parametrize("lacking", ["depth", "valid"])
def test_truth__of_a_batch_without_it_is_refused_by_name(lacking: str) -> None:
    batch = toy_batch()
    bare = dataclasses.replace(batch, depth=None) if lacking == "depth" else dataclasses.replace(batch, valid=None)
    with pytest.raises(ContractError, match="batches with depth; got none in first; use datasets that provide DEPTH"):
        truth(bare)


def test_depth_of__is_what_the_network_says_of_normalised_pictures() -> None:
    recipe, batch = Toy(), toy_batch()
    with torch.no_grad():
        said = recipe.depth_of(batch)
        assert said.shape == (2, 28, 42)
        assert torch.equal(said, recipe.trained(recipe.trained.normalisation.apply(batch.image)))
        assert not torch.equal(said, recipe.trained(batch.image))


def test_depth_of__with_a_cache_says_the_same_and_asks_the_encoder_once() -> None:
    recipe, batch = Toy(), toy_batch()
    recipe.trained.freeze_encoder()
    with torch.no_grad():
        without = recipe.depth_of(batch)
        recipe.cache = FeatureCache(recipe.trained)
        first, again = recipe.depth_of(batch), recipe.depth_of(batch)
    torch.testing.assert_close(first, without, rtol=1e-4, atol=1e-5)
    assert first.shape == (2, 28, 42)  # height and width are not exchanged
    assert torch.equal(first, again)
    assert (recipe.cache.misses, recipe.cache.hits) == (2, 2)


def test_depth_of__with_a_cache_lets_the_decoder_learn() -> None:
    recipe, batch = Toy(), toy_batch()
    recipe.trained.freeze_encoder()
    recipe.cache = FeatureCache(recipe.trained)
    recipe.depth_of(batch).sum().backward()  # type: ignore[no-untyped-call]
    assert any(one.grad is not None and bool(one.grad.any()) for one in recipe.trained.decoder.parameters())
    assert all(one.grad is None for one in recipe.trained.encoder.parameters())


def test_step__shows_what_was_predicted_so_that_a_collapse_is_noticed() -> None:
    recipe, batch = Toy(), toy_batch()
    progress = Progress(epoch=0, step=0, total_steps=1, sum_across=lambda values: values)
    result = SupervisedRecipe.step(recipe, {"train": batch}, progress)
    assert result.predicted is not None
    torch.testing.assert_close(result.predicted, recipe.predict(batch))
