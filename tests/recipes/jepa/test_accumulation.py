# SPDX-License-Identifier: Apache-2.0
"""Accumulated batches are one batch of all their pictures: values, gradients and what is logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from leadline.contracts.sample import Batch
from leadline.training.distributed import StepModule
from leadline.training.placement import Placement
from leadline.training.update import Work, gather_gradients
from tests.recipes.jepa.toy import START, doubled, toy_batch, toy_recipe, whole_batch


def assert_same_gradients(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, gradient in one.items():
        # DINOv2 resizes its position embedding in float32, whatever the model's precision
        torch.testing.assert_close(other[name], gradient, rtol=1e-5, atol=1e-8, msg=name)


def gathered(batches: Sequence[Batch], **changes: Any) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Gradients and means of one update of those batches, without batch norms and in double precision."""
    recipe = toy_recipe(accumulate=len(batches), **changes).double().eval()
    work = Work(batches=[{"train": doubled(one)} for one in batches], seeds=[3] * len(batches), progress=START)
    means = gather_gradients(StepModule(recipe), work, Placement(device=torch.device("cpu")))
    found = {name: one.grad for name, one in recipe.named_parameters() if one.grad is not None}
    return found, {name: float(value) for name, value in means.items()}


TERMS = ("Loss", "Depth", "Invariance", "SIGReg", "EmbeddingStatistic", "EmbeddingEffectiveRank")


@pytest.mark.parametrize("changes", [{}, {"depth_on": "global", "lamb": 0.5}, {"dense_weight": 0.5, "sigreg_weight": 0.2}])
def test_jepa_recipe__accumulated_batches_are_one_batch_of_all_their_pictures(changes: dict[str, Any]) -> None:
    once, means = gathered([toy_batch(0, 1, 2, 3, 4, 5)], **changes)
    thrice, same_means = gathered([toy_batch(0, 1), toy_batch(2, 3), toy_batch(4, 5)], **changes)
    assert any(name.startswith("judge.projector") for name in once)
    assert_same_gradients(once, thrice)
    for name in TERMS:
        assert same_means[name] == pytest.approx(means[name], rel=1e-5 if name.startswith("Embedding") else 1e-9), name


def test_jepa_recipe__accumulated_pictures_alone_are_one_batch_too() -> None:
    once, _ = gathered([toy_batch(0, 1, 2, 4)], depth_weight=0.0)
    twice, _ = gathered([toy_batch(0, 1), toy_batch(2, 4)], depth_weight=0.0)
    assert_same_gradients(once, twice)


def test_jepa_recipe__in_one_pass_each_batch_is_judged_by_itself() -> None:
    _, means = gathered([toy_batch(0, 1, 2, 3)])
    _, parted = gathered([toy_batch(0, 1), toy_batch(2, 3)], two_pass=False)
    assert parted["Depth"] == pytest.approx(means["Depth"])
    assert parted["SIGReg"] != pytest.approx(means["SIGReg"], rel=0.05)


def test_jepa_recipe__whole_pictures_are_one_view_judged_over_the_update() -> None:
    changes: dict[str, Any] = {"full_size": True, "full_size_jepa": True}
    once, means = gathered([whole_batch(0, 1, 2)], **changes)
    thrice, same_means = gathered([whole_batch(0), whole_batch(1), whole_batch(2)], batch_size=1, **changes)
    assert means["Invariance"] == same_means["Invariance"] == 0
    assert same_means["SIGReg"] == pytest.approx(means["SIGReg"])
    assert_same_gradients(once, thrice)
