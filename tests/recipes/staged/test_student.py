# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from leadline.losses.pooling import keep
from leadline.recipes.distillation.recipe import DistillationRecipe
from leadline.recipes.staged.alignment import OnLabel, OnPicture
from leadline.recipes.staged.student import Look, drawn_generator
from leadline.recipes.staged.words import TeachersWords
from tests.recipes.staged.toy import disparity_batch, distilled, pictures_batch, toy_model


def student(tmp_path: Path, target: OnPicture | OnLabel | None = None, **changes: Any) -> DistillationRecipe:
    return DistillationRecipe(distilled(tmp_path, **changes), toy_model(1), TeachersWords(None), target)


def test_student__sees_as_its_network_predicts(tmp_path: Path) -> None:
    recipe, batch = student(tmp_path).eval(), pictures_batch()
    look = recipe.look(batch.image)
    torch.testing.assert_close(look.disparity, recipe.predict(batch))
    assert torch.equal(look.part(1, 3).disparity, look.disparity[1:3])
    assert torch.equal(look.part(1, 3).tokens, look.tokens[1:3])


def test_student__at_its_beginning_agrees_exactly_with_the_frozen_encoder_it_began_as(tmp_path: Path) -> None:
    recipe, batch = student(tmp_path, OnPicture(toy_model(1).encoder)).train(), disparity_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    look = recipe.look(batch.image)
    seen = {"image": batch.image, "label": batch.depth, "valid": batch.valid, "sum_across": keep}
    loss = recipe.alignment(look, **seen)  # type: ignore[arg-type]
    assert float(loss.detach()) == 0.0
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is None or not one.grad.any() for one in recipe.trained.encoder.parameters())
    other = student(tmp_path, OnPicture(toy_model(2).encoder))
    assert float(other.alignment(look, **seen).detach()) > 0.1  # type: ignore[arg-type]


def test_student__a_picture_without_a_label_is_drawn_to_nothing_where_the_target_looks_at_labels(tmp_path: Path) -> None:
    recipe, batch = student(tmp_path, OnLabel(toy_model(1).encoder), feature_loss="cosine"), disparity_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    tokens = recipe.look(batch.image).tokens.detach().requires_grad_()
    look = Look(disparity=batch.depth, tokens=tokens)
    valid = batch.valid & torch.tensor([True, False])[:, None, None]
    recipe.alignment(look, image=batch.image, label=batch.depth, valid=valid, sum_across=keep).backward()  # type: ignore[no-untyped-call]
    assert tokens.grad is not None
    assert tokens.grad[0].any()
    assert not tokens.grad[1].any()


def test_student__a_frozen_encoder_stays_bit_for_bit_and_is_in_no_group(tmp_path: Path) -> None:
    recipe = student(tmp_path, train_encoder=False).train()
    before = {name: one.clone() for name, one in recipe.trained.encoder.state_dict().items()}
    groups = recipe.parameter_groups()
    assert [group.name for group in groups] == ["decoder"]
    optimiser = torch.optim.SGD(groups[0].parameters, lr=1.0)
    recipe.loss(recipe.predict(disparity_batch()), disparity_batch(), keep).loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    assert all(torch.equal(before[name], one) for name, one in recipe.trained.encoder.state_dict().items())


def test_student__the_encoder_learns_at_its_share_of_the_rate_and_checkpoints_hold_the_student_alone(tmp_path: Path) -> None:
    recipe = student(tmp_path, OnPicture(toy_model(1).encoder), encoder_lr_factor=4.0)
    assert {group.name: group.lr_factor for group in recipe.parameter_groups()} == {"encoder": 0.25, "decoder": 1.0}
    assert all(name.startswith("trained.") for name in recipe.state_dict())


def test_student__its_validation_loss_is_that_of_truth_up_to_scale_and_shift(tmp_path: Path) -> None:
    recipe, batch = student(tmp_path, grad_weight=2.0), disparity_batch()
    assert batch.depth is not None
    found = recipe.loss(batch.depth.nan_to_num(0) * 3 + 7, batch, keep)
    assert float(found.loss) < 1e-4
    assert set(found.parts) == {"SSI", "Grad"}
    nothing = dataclasses.replace(batch, valid=torch.zeros_like(batch.valid))  # type: ignore[arg-type]
    assert float(recipe.loss(batch.depth, nothing, keep).loss) == 0.0


@pytest.mark.parametrize("seed", [0, 1])
def test_drawn_generator__follows_from_the_seed_of_the_batch(seed: int) -> None:
    torch.manual_seed(seed)
    first = torch.rand(3, generator=drawn_generator())
    second = torch.rand(3, generator=drawn_generator())
    torch.manual_seed(seed)
    assert torch.equal(first, torch.rand(3, generator=drawn_generator()))
    assert not torch.equal(first, second)
