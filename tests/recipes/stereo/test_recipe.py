# SPDX-License-Identifier: Apache-2.0
"""One step of each stage: who learns, by which terms, and that learning helps."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from leadline.recipes.stereo.recipe import StereoRecipe
from leadline.training.distributed import StepModule
from leadline.training.placement import Placement
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from leadline.training.update import Updater, Work
from tests.recipes.stereo.toy import progress, shifted_batch, toy_recipe

STAGES = ("mono", "stereo", "refine")
PUBLISHED = ("dinov2s", "dinov2b", "swin_t", "resnet34", "resnet50")
"""Those that fit any machine; the larger DINOv2 are built without numbers in tests/models/stereo."""
COMBINATIONS = [
    *(
        ("dinov2-toy", stride, align, source)
        for stride in (4, 2)
        for align in ("exact", "native")
        for source in ("reassemble", "rn", "fused")
    ),
    *((name, stride, "exact", "reassemble") for name in ("swin-toy", "resnet18") for stride in (4, 2)),
]


def gradients(recipe: StereoRecipe, stage: str, epoch: int = 40) -> dict[str, int]:
    """How many tensors of each part got a gradient."""
    recipe.zero_grad()
    recipe.step({"train": shifted_batch()}, progress(stage, epoch)).loss.backward()  # type: ignore[no-untyped-call]
    return {name: sum(one.grad is not None for one in part.parameters()) for name, part in recipe.trained.parts().items()}


@pytest.mark.slow
@pytest.mark.parametrize("stride", [4, 2])
@pytest.mark.parametrize("encoder", PUBLISHED)
def test_one_update_of_all_stages__works_for_published_encoders(encoder: str, stride: int) -> None:
    recipe = toy_recipe(encoder=encoder, base_stride=stride)
    optimisers = StageOptimisers(recipe, EngineSettings(lr=1e-4))
    place = Placement(device=torch.device("cpu"), autocast_dtype=None)
    updater = Updater(StepModule(recipe), recipe, optimisers, None, placement=place, max_grad_norm=0.0)
    before = sums(recipe)
    report = updater(Work(batches=[{"train": shifted_batch()}], seeds=[1], progress=progress("")), stop=False)
    assert report.finite
    after = sums(recipe)
    assert all(before[name] != after[name] for name in before)


def sums(recipe: StereoRecipe) -> dict[str, float]:
    """Of all numbers of each part."""
    return {
        name: sum(float(one.detach().double().sum()) for one in part.parameters()) for name, part in _filled(recipe).items()
    }


def _filled(recipe: StereoRecipe) -> dict[str, torch.nn.Module]:
    """Parts that have parameters to learn."""
    return {
        name: part
        for name, part in recipe.trained.parts().items()
        if any(parameter.requires_grad for parameter in part.parameters())
    }


@pytest.mark.parametrize(("encoder", "stride", "align", "source"), COMBINATIONS)
def test_one_update_of_all_stages__moves_all_that_they_declare(encoder: str, stride: int, align: str, source: str) -> None:
    recipe = toy_recipe(encoder=encoder, base_stride=stride, align=align, pyramid_source=source)
    optimisers = StageOptimisers(recipe, EngineSettings(lr=1e-2))
    before = {name: tensor.clone() for name, tensor in recipe.named_parameters()}
    updater = Updater(
        StepModule(recipe),
        recipe,
        optimisers,
        None,
        placement=Placement(device=torch.device("cpu"), autocast_dtype=None),
        max_grad_norm=0.0,
    )
    report = updater(Work(batches=[{"train": shifted_batch()}], seeds=[1], progress=progress("")), stop=False)
    assert report.finite
    declared = {name for names in optimisers.groups.values() for name in names}
    assert declared == {name for name, parameter in recipe.named_parameters() if parameter.requires_grad}
    still = {name for name, tensor in recipe.named_parameters() if torch.equal(tensor, before[name])}
    # a bias before a normalisation, or behind an offset of zero, has nothing to learn yet
    assert len(still & declared) <= len(declared) // 4
    assert not (before.keys() - declared) - still


def test_each_stage__reaches_the_parts_it_declares_and_no_encoder_but_the_first() -> None:
    recipe = toy_recipe()
    mono, stereo, refine = (gradients(recipe, stage) for stage in STAGES)
    assert min(mono["backbone"], mono["neck"], mono["decoder"]) > 0
    assert (mono["matching"], mono["refined"]) == (0, 0)
    assert (stereo["backbone"], stereo["neck"], stereo["refined"]) == (0, 0, 0)
    assert min(stereo["matching"], stereo["decoder"]) > 0
    assert (refine["backbone"], refine["neck"], refine["matching"]) == (0, 0, 0)
    assert min(refine["refined"], refine["decoder"]) > 0


def test_the_trunk__rests_from_its_epoch_on() -> None:
    recipe = toy_recipe(freeze_backbone_from=21)
    assert gradients(recipe, "mono", epoch=19)["backbone"] > 0
    assert gradients(recipe, "mono", epoch=20)["backbone"] == 0
    assert gradients(recipe, "mono", epoch=20)["neck"] > 0


@pytest.mark.parametrize(("policy", "some"), [("frozen", False), ("lora", True)])
def test_policies_of_the_trunk__decide_what_the_first_stage_trains(policy: str, *, some: bool) -> None:
    recipe = toy_recipe(backbone=policy)
    groups = {group.name: group.parameters for group in recipe.stage_groups("mono")}
    assert ("backbone" in groups) == some
    assert gradients(recipe, "mono")["backbone"] == (len(groups["backbone"]) if some else 0)


def test_parts__are_the_named_raw_terms_and_their_weighted_sum_is_the_loss() -> None:
    recipe = toy_recipe()
    result = recipe.step({"train": shifted_batch()}, progress("stereo"))
    assert set(result.parts) == {f"Stereo/{name}" for name in ("Photometric", "Smooth", "Cost", "Gradient", "Out-Of-View")}
    weights = recipe.specs["stereo"].losses
    expected = sum(weights[name.removeprefix("Stereo/").lower()] * float(value) for name, value in result.parts.items())
    assert float(result.loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_stages_of_one_update__see_the_same_colours() -> None:
    recipe, seen = toy_recipe(), []
    recipe.trained.pyramid.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    for stage in STAGES[:2]:
        torch.manual_seed(7)
        recipe.step({"train": shifted_batch()}, progress(stage))
    stereo = shifted_batch().stereo
    assert stereo is not None
    assert torch.equal(seen[0], seen[2])  # mono sees the right view, stereo the left and the right one
    assert not torch.equal(seen[0], stereo.image)


def test_guides__leave_running_statistics_alone() -> None:
    recipe = toy_recipe()
    with recipe._teaching():
        assert not recipe.trained.training
        assert not torch.is_grad_enabled()
    assert recipe.trained.training


def trained_on_one_batch(recipe: StereoRecipe, updates: int, lr: float = 3e-3, **batch: Any) -> dict[str, float]:
    """End-point error in pixels of each path, after overfitting one batch."""
    optimisers, place = (
        StageOptimisers(recipe, EngineSettings(lr=lr)),
        Placement(device=torch.device("cpu"), autocast_dtype=None),
    )
    updater = Updater(StepModule(recipe), recipe, optimisers, None, placement=place, max_grad_norm=0.0)
    data = shifted_batch(**batch)
    assert data.stereo is not None
    assert data.stereo.disparity_px is not None
    for _ in range(updates):
        assert updater(Work(batches=[{"train": data}], seeds=[1], progress=progress("")), stop=False).finite
    recipe.eval()
    model, size = recipe.trained, (data.image.shape[2], data.image.shape[3])
    with torch.no_grad():
        left, right = model.features(data.image), model.features(data.stereo.image)
        logits = {
            "mono": model.mono(left, size),
            "refined": model.refined(left, size),
            "stereo": model.stereo_target(left, right, size, direction=1).logits,
        }
        return {
            name: float((model.disparity_px(one) - data.stereo.disparity_px).abs()[..., 16:].mean())
            for name, one in logits.items()
        }


@pytest.mark.slow
def test_overfitting_one_pair__brings_all_paths_near_the_truth() -> None:
    recipe = toy_recipe(augment=False)
    errors = trained_on_one_batch(recipe, 150)
    assert errors["stereo"] < 1.0
    assert errors["mono"] < 1.5
    assert math.isclose(errors["refined"], errors["stereo"], abs_tol=0.5)


def test_refine__learns_from_what_stage_stereo_said_of_the_same_pairs_and_else_asks_again() -> None:
    recipe, asked = toy_recipe(), []
    recipe.trained.pyramid.register_forward_hook(lambda *_: asked.append(1))

    def refined(seed: int) -> float:
        torch.manual_seed(1)
        return float(recipe.step({"train": shifted_batch(seed=seed)}, progress("refine")).loss.detach())

    torch.manual_seed(1)
    recipe.step({"train": shifted_batch(seed=0)}, progress("stereo"))
    asked.clear()
    carried = refined(0)
    assert not asked
    assert refined(0) == pytest.approx(carried, abs=0.05)
    assert len(asked) == 2
    recipe.step({"train": shifted_batch(seed=0)}, progress("stereo"))
    asked.clear()
    refined(5)
    assert len(asked) == 2
    recipe.step({"train": shifted_batch(seed=0)}, progress("stereo"))
    recipe.after_step()
    asked.clear()
    refined(0)
    assert len(asked) == 2


def test_stage_stereo__leaves_nothing_before_stage_refine_begins() -> None:
    recipe = toy_recipe()
    recipe.step({"train": shifted_batch()}, progress("stereo", epoch=25))
    assert recipe._lesson is None


@pytest.mark.parametrize("begins", ["raw", "random"])
def test_refined_path__begins_where_it_was_told_once(begins: str) -> None:
    recipe = toy_recipe(refine_from=begins)
    raw, refined = recipe.trained.decoder.raw.ending, recipe.trained.decoder.refined
    assert refined is not None
    before = refined.output.state_dict()["weight"].clone()
    recipe.step({"train": shifted_batch()}, progress("refine"))
    after = refined.output.state_dict()["weight"]
    assert torch.equal(after, raw.output.state_dict()["weight"]) == (begins == "raw")
    assert torch.equal(after, before) == (begins == "random")
    with torch.no_grad():
        refined.output.weight.zero_()
    recipe.step({"train": shifted_batch()}, progress("refine"))
    assert not refined.output.weight.any()
