# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import WeightsError
from leadline.contracts.sample import Batch
from leadline.recipes.semi_supervised.guide import TENSORS, Guide, GuideRecipe, GuideTarget
from tests.recipes.staged.toy import PROGRESS, H, W, disparity_batch, toy_model


def toy_guide(seed: int = 1) -> Guide:
    torch.manual_seed(seed)
    return Guide(toy_model(seed)).eval()


def embedded(batch: Batch) -> torch.Tensor:
    assert batch.depth is not None
    assert batch.valid is not None
    return GuideTarget(toy_guide())(image=batch.image, label=batch.depth, valid=batch.valid)


def test_guide_target__depends_on_the_depth_alone_up_to_scale_and_shift_and_not_on_what_is_invalid() -> None:
    batch = disparity_batch()
    assert batch.depth is not None
    assert batch.valid is not None
    before = embedded(batch)
    assert before.isfinite().all()
    assert torch.equal(before, embedded(dataclasses.replace(batch, image=torch.zeros(2, 3, H, W))))
    poisoned = torch.where(batch.valid, batch.depth, 1e9)
    assert torch.equal(before, embedded(dataclasses.replace(batch, depth=poisoned)))
    moved = embedded(dataclasses.replace(batch, depth=batch.depth * 5 + 2))
    torch.testing.assert_close(before, moved, rtol=1e-2, atol=1e-3)
    other = dataclasses.replace(batch, depth=batch.depth.flip(1), valid=batch.valid.flip(1))
    assert not torch.allclose(before, embedded(other), rtol=1e-2, atol=1e-3)


def test_guide_target__no_gradient_enters_the_guide() -> None:
    guide, batch = toy_guide(), disparity_batch()
    target = GuideTarget(guide)
    label = torch.rand(2, H, W, requires_grad=True)
    assert not target(image=batch.image, label=label, valid=torch.ones(2, H, W, dtype=torch.bool)).requires_grad
    assert not any(one.requires_grad for one in guide.parameters())
    assert not guide.training
    assert target.of_label


def test_guide__comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    guide, standard = toy_guide(), torch.rand(1, H, W)
    guide.save(tmp_path)
    found = Guide.load(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(guide.state_dict().values(), found.state_dict().values(), strict=True))
    torch.testing.assert_close(found.embed(standard), guide(standard)[1])


def test_guide__one_that_is_missing_or_cut_short_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="--stage guide again"):
        Guide.load(tmp_path)
    toy_guide().save(tmp_path)
    (tmp_path / TENSORS).write_bytes((tmp_path / TENSORS).read_bytes()[:1000])
    with pytest.raises(WeightsError, match="a guide in") as refusal:
        Guide.load(tmp_path)
    assert "\n" not in str(refusal.value)


def test_guide_recipe__looks_at_depth_alone_and_counts_its_valid_pixels() -> None:
    recipe, batch = GuideRecipe(toy_guide(), encoder_lr_factor=4.0), disparity_batch()
    first = recipe.step({"train": batch}, PROGRESS)
    black = dataclasses.replace(batch, image=torch.zeros(2, 3, H, W))
    assert torch.equal(first.loss, recipe.step({"train": black}, PROGRESS).loss)
    assert first.loss.isfinite()
    assert {group.name: group.lr_factor for group in recipe.parameter_groups()} == {
        "encoder": 0.25,
        "decoder": 1.0,
        "stem": 1.0,
    }


@pytest.mark.slow
def test_guide_recipe__an_autoencoder_of_a_few_depth_maps_comes_below_a_twentieth() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 1, 2, 3, generator=generator)
    disparity = torch.nn.functional.interpolate(coarse, (H, W), mode="bilinear", align_corners=True)[:, 0] + 0.1
    batch = dataclasses.replace(disparity_batch(), depth=disparity, valid=torch.ones(2, H, W, dtype=torch.bool))
    recipe = GuideRecipe(toy_guide(), encoder_lr_factor=1.0).train()
    optimiser = torch.optim.AdamW(recipe.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 600)
    lowest = 1.0
    for _ in range(600):
        optimiser.zero_grad()
        loss = recipe.step({"train": batch}, PROGRESS).loss
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        lowest = min(lowest, float(loss.detach()))
    assert lowest < 0.05
