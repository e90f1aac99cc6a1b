# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import torch

from leadline.contracts.sample import Batch
from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient
from leadline.losses.silog import silog
from leadline.losses.sobel_gradient import sobel_gradient
from leadline.recipes.distillation.recipe import DistillationRecipe
from leadline.recipes.staged.alignment import OnPicture
from leadline.recipes.staged.words import TeachersWords
from leadline.training.recipe import StepResult
from tests.recipes.staged.toy import PROGRESS, disparity_batch, distilled, toy_model


def stepped(tmp_path: Path, batch: Batch, *, aligned: bool = False, **changes: Any) -> StepResult:
    target = OnPicture(toy_model(1).encoder) if aligned else None
    recipe = DistillationRecipe(distilled(tmp_path, **changes), toy_model(1), TeachersWords(None), target).eval()
    torch.manual_seed(0)
    return recipe.step({"train": batch}, PROGRESS)


def test_distillation_recipe__its_loss_is_ssi_without_the_largest_tenth_and_twice_the_gradients_of_all(
    tmp_path: Path,
) -> None:
    batch = disparity_batch(3)
    model = toy_model(1)
    predicted = model(model.normalisation.apply(batch.image))
    maps = {"predicted": predicted, "target": batch.depth, "valid": batch.valid}
    found = stepped(tmp_path, batch)
    ssi = affine_invariant(**maps, ignore_largest=0.1)
    gradient = affine_invariant_gradient(**maps)
    torch.testing.assert_close(found.loss, ssi + 2 * gradient)
    assert set(found.parts) == {"SSI", "Grad"}
    assert found.weight == 3
    whole = stepped(tmp_path, batch, ignore_largest=0.0).parts["SSI"]
    assert float(whole.detach()) > float(ssi.detach())


def test_distillation_recipe__the_reference_s_losses_are_those_it_writes(tmp_path: Path) -> None:
    batch = disparity_batch(3)
    model = toy_model(1)
    maps = {"predicted": model(model.normalisation.apply(batch.image)), "target": batch.depth, "valid": batch.valid}
    for share in (0.0, 0.1):
        found = stepped(tmp_path, batch, objective="log", grad_weight=0.5, ignore_largest=share)
        torch.testing.assert_close(found.loss, silog(**maps, ignore_largest=share) + 0.5 * sobel_gradient(**maps))


def test_distillation_recipe__features_of_the_beginning_agree_and_are_added_with_their_weight(tmp_path: Path) -> None:
    batch = disparity_batch(3)
    plain = stepped(tmp_path, batch)
    aligned = stepped(tmp_path, batch, aligned=True, feature_target="dino-rgb", feature_weight=5.0)
    assert float(aligned.parts["Feature"].detach()) == 0.0
    torch.testing.assert_close(aligned.loss, plain.loss)
    changes = {"feature_target": "dino-rgb", "feature_loss": "cosine", "perturbation": "strong", "feature_input": "clean"}
    one, two = (stepped(tmp_path, batch, aligned=True, feature_weight=weight, **changes) for weight in (1.0, 2.0))
    assert float(one.parts["Feature"].detach()) > 1e-5
    torch.testing.assert_close(two.loss - one.loss, one.parts["Feature"], rtol=1e-2, atol=1e-4)


def test_distillation_recipe__no_truth_is_needed_and_labels_without_anything_cost_nothing(tmp_path: Path) -> None:
    batch = disparity_batch(2)
    dead = dataclasses.replace(batch, depth=torch.ones_like(batch.depth))  # type: ignore[arg-type]
    found = stepped(tmp_path, dead)
    assert float(found.loss.detach()) == 0.0
    assert found.weight == 0
