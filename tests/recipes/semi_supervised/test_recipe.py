# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from leadline.contracts.sample import Batch
from leadline.losses.affine_invariant import affine_invariant
from leadline.losses.regional import regional
from leadline.recipes.semi_supervised.recipe import SemiSupervisedRecipe
from leadline.recipes.staged.alignment import OnPicture
from leadline.recipes.staged.words import TeachersWords
from leadline.training.recipe import StepResult
from tests.recipes.staged.toy import PROGRESS, H, W, disparity_batch, pictures_batch, semi, toy_model


def recipe_of(tmp_path: Path, *, online: bool = False, aligned: bool = False, **changes: Any) -> SemiSupervisedRecipe:
    words = TeachersWords(toy_model(2) if online else None)
    target = OnPicture(toy_model(1).encoder) if aligned else None
    return SemiSupervisedRecipe(semi(tmp_path, **changes), toy_model(1), words, target)


def stepped(recipe: SemiSupervisedRecipe, labelled: Batch, unlabelled: Batch, seed: int = 0) -> StepResult:
    torch.manual_seed(seed)
    return recipe.step({"train": labelled, "unlabelled": unlabelled}, PROGRESS)


PLAIN: dict[str, Any] = {"cutmix": 0.0, "perturbation": "none"}


def test_semi_supervised_recipe__its_loss_is_the_mean_of_the_terms_in_use(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, **PLAIN).eval()
    labelled, unlabelled = disparity_batch(2), disparity_batch(4, seed=9)
    found = stepped(recipe, labelled, unlabelled)
    terms = [
        affine_invariant(predicted=recipe.predict(one), target=one.depth, valid=one.valid)  # type: ignore[arg-type]
        for one in (labelled, unlabelled)
    ]
    torch.testing.assert_close(found.loss, torch.stack(terms).mean(), rtol=1e-3, atol=1e-4)
    assert set(found.parts) == {"LabelledSSI", "UnlabelledSSI"}
    alone = stepped(recipe_of(tmp_path, unlabelled_weight=0.0, **PLAIN).eval(), labelled, unlabelled)
    assert set(alone.parts) == {"LabelledSSI"}
    torch.testing.assert_close(alone.loss, terms[0], rtol=1e-3, atol=1e-4)


def test_semi_supervised_recipe__the_teacher_sees_clean_pictures_and_the_student_changed_ones(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, online=True, cutmix=1.0, perturbation="reference")
    asked: list[Tensor] = []
    seen: list[Tensor] = []
    said, looked = recipe.words, recipe.look

    def words(batch: Batch) -> tuple[Tensor, Tensor]:
        asked.append(batch.image)
        return said(batch)

    def look(image: Tensor) -> Any:
        seen.append(image)
        return looked(image)

    recipe.words, recipe.look = words, look  # type: ignore[method-assign, assignment]
    labelled, unlabelled = disparity_batch(2), pictures_batch(4)
    stepped(recipe, labelled, unlabelled)
    assert torch.equal(asked[0], unlabelled.image)
    assert torch.equal(seen[0][:2], labelled.image)  # pictures with truth are neither recoloured nor mixed
    assert not torch.isclose(seen[0][2:], unlabelled.image, atol=1e-3).all(dim=1).any(dim=0).all()


def test_semi_supervised_recipe__labels_are_stitched_as_pictures_are(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, cutmix=1.0, cutmix_box="quarter", perturbation="none")
    unlabelled = pictures_batch(4)
    image, inside = recipe.disturbed(unlabelled.image)
    partner = unlabelled.image[[1, 0, 3, 2]]
    own = inside[:, None].expand_as(image)
    assert torch.equal(image[own], unlabelled.image[own])
    assert torch.equal(image[~own], partner[~own])
    assert float(inside.float().mean()) == 0.25
    assert inside[:, : H // 2, : W // 2].all()
    # a student that sees what labels say of each region, each region with a scale and a shift of its own, costs nothing
    truth = unlabelled.image.mean(dim=1)
    labels = dataclasses.replace(disparity_batch(4), depth=truth, valid=torch.ones(4, H, W, dtype=torch.bool))
    recipe.look = lambda image: _said(image, inside)  # type: ignore[method-assign]
    found = stepped(recipe, disparity_batch(2), dataclasses.replace(labels, image=unlabelled.image))
    assert float(found.parts["UnlabelledSSI"]) < 1e-4
    pictures = image.mean(dim=1)
    said = torch.where(inside, 3 * pictures + 5, 0.5 * pictures)
    assert float(affine_invariant(predicted=said, target=pictures, valid=torch.ones_like(inside))) > 0.1


def _said(image: Tensor, inside: Tensor) -> Any:
    from leadline.recipes.staged.student import Look

    grey = image.mean(dim=1)
    grey[2:] = torch.where(inside, 3 * grey[2:] + 5, 0.5 * grey[2:])
    return Look(disparity=grey, tokens=image.new_zeros(len(image), 4, 2, 3))


def test_semi_supervised_recipe__masking_is_of_unlabelled_pictures_alone(tmp_path: Path) -> None:
    labelled, unlabelled = disparity_batch(2), disparity_batch(4, seed=9)
    plain = stepped(recipe_of(tmp_path, **PLAIN).eval(), labelled, unlabelled)
    recipe = recipe_of(tmp_path, ignore_largest=0.1, **PLAIN).eval()
    masked = stepped(recipe, labelled, unlabelled)
    assert torch.equal(masked.parts["LabelledSSI"], plain.parts["LabelledSSI"])
    expected = regional(
        predicted=recipe.predict(unlabelled),
        target=unlabelled.depth,  # type: ignore[arg-type]
        valid=unlabelled.valid,  # type: ignore[arg-type]
        inside=torch.ones(4, H, W, dtype=torch.bool),
        ignore_largest=0.1,
    )
    assert float(masked.parts["UnlabelledSSI"].detach()) == pytest.approx(float(expected.detach()), rel=1e-3)
    assert float(expected.detach()) < float(plain.parts["UnlabelledSSI"].detach())


def test_semi_supervised_recipe__features_cost_nothing_at_the_beginning_whatever_the_student_sees(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, aligned=True, cutmix=1.0, perturbation="strong", feature_target="dino-rgb").train()
    found = stepped(recipe, disparity_batch(2), disparity_batch(4, seed=9))
    assert float(found.parts["Feature"].detach()) == 0.0


@pytest.mark.parametrize(("on", "pictures"), [("unlabelled", [4]), ("labelled", [2]), ("both", [4, 2])])
def test_semi_supervised_recipe__features_are_of_the_pictures_that_are_named(
    tmp_path: Path, on: str, pictures: list[int]
) -> None:
    recipe = recipe_of(tmp_path, aligned=True, feature_target="dino-rgb", feature_on=on, **PLAIN)
    target: Any = recipe.target
    asked: list[int] = []

    class Counted:
        channels, of_label = target.channels, False

        def __call__(self, *, image: Tensor, label: Tensor, valid: Tensor) -> Tensor:
            asked.append(len(image))
            found: Tensor = target(image=image, label=label, valid=valid)
            return found

    recipe.target = Counted()
    stepped(recipe, disparity_batch(2), disparity_batch(4, seed=9))
    assert asked == pictures


def test_semi_supervised_recipe__a_clean_frozen_branch_sees_the_mixed_picture_before_it_was_recoloured(
    tmp_path: Path,
) -> None:
    losses = []
    for sees in ("same", "clean"):
        changes: dict[str, Any] = {"feature_target": "dino-rgb", "feature_loss": "cosine", "feature_input": sees}
        recipe = recipe_of(tmp_path, aligned=True, cutmix=1.0, perturbation="reference", **changes).eval()
        losses.append(float(stepped(recipe, disparity_batch(2), disparity_batch(4, seed=9)).parts["Feature"].detach()))
    assert losses[0] < 1e-4 < losses[1]


def test_semi_supervised_recipe__dead_labels_cost_nothing_and_leave_the_others_what_they_are(tmp_path: Path) -> None:
    recipe, labelled, unlabelled = recipe_of(tmp_path, **PLAIN), disparity_batch(2), disparity_batch(4, seed=9)
    depth = unlabelled.depth.clone()  # type: ignore[union-attr]
    depth[2:] = 0.0
    dead = dataclasses.replace(unlabelled, depth=depth, valid=torch.ones(4, H, W, dtype=torch.bool) & unlabelled.valid)  # type: ignore[operator]
    without = dataclasses.replace(unlabelled, valid=unlabelled.valid & (torch.arange(4) < 2)[:, None, None])  # type: ignore[operator]
    one, other = stepped(recipe.eval(), labelled, dead), stepped(recipe, labelled, without)
    assert float(one.loss.detach()) == pytest.approx(float(other.loss.detach()))
    assert one.weight == other.weight == 4
    nothing = dataclasses.replace(unlabelled, depth=torch.zeros_like(depth))
    found = stepped(recipe, labelled, nothing)
    found.loss.backward()  # type: ignore[no-untyped-call]
    assert float(found.parts["UnlabelledSSI"].detach()) == 0.0
    assert all(one.grad.isfinite().all() for one in recipe.parameters() if one.grad is not None)


def test_semi_supervised_recipe__teacher_and_frozen_encoder_are_untouched_by_steps_and_in_no_checkpoint(
    tmp_path: Path,
) -> None:
    recipe = recipe_of(tmp_path, online=True, aligned=True, feature_target="dino-rgb", feature_loss="cosine").train()
    teacher, twin = recipe.words._teacher, toy_model(2).state_dict()
    assert teacher is not None
    optimiser = torch.optim.AdamW(recipe.parameters(), lr=1e-2)
    before = {name: one.clone() for name, one in recipe.trained.state_dict().items()}
    for _ in range(2):
        optimiser.zero_grad()
        stepped(recipe, disparity_batch(2), pictures_batch(4)).loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    network = teacher.on(torch.device("cpu"))
    assert all(torch.equal(twin[name], one) for name, one in network.state_dict().items())
    assert not network.training
    assert any(not torch.equal(before[name], one) for name, one in recipe.trained.state_dict().items())
    assert all(name.startswith("trained.") for name in recipe.state_dict())


def test_semi_supervised_recipe__the_same_seed_draws_the_same_changes(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, cutmix=0.5).eval()
    losses = [
        float(stepped(recipe, disparity_batch(2), disparity_batch(4, seed=9), seed).loss.detach()) for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]
