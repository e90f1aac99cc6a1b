# SPDX-License-Identifier: Apache-2.0
"""One update: gradients, accumulation, clipping, refusal."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from leadline.contracts.sample import Batch
from leadline.training.distributed import StepModule, sum_across
from leadline.training.ema import Ema
from leadline.training.placement import Placement
from leadline.training.recipe import Progress, StepResult
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from leadline.training.update import Updater, UpdateReport, Work
from tests.training.toy import ToyRecipe, ToyStream, register_hook

PLACEMENT = Placement(device=torch.device("cpu"))
PROGRESS = Progress(epoch=0, step=0, total_steps=10, sum_across=sum_across)
WHOLE = ToyStream(batch_size=8).batch(0, 0)


def part(batch: Batch, rows: slice) -> Batch:
    assert batch.depth is not None
    assert batch.valid is not None
    return replace(batch, image=batch.image[rows], depth=batch.depth[rows], valid=batch.valid[rows])


def work(*batches: Batch, seed: int = 3) -> Work:
    return Work(batches=[{"train": batch} for batch in batches], seeds=[seed] * len(batches), progress=PROGRESS)


def quiet(**changes: bool) -> ToyRecipe:
    """A recipe without dropout or batch statistics, so that parts of a batch add up to it."""
    recipe = ToyRecipe(dropout=0.0, **changes)
    recipe.net.encoder[1].eval()
    return recipe


def updater(recipe: ToyRecipe, ema: Ema | None = None, max_grad_norm: float = 0.0) -> Updater:
    optimiser = StageOptimisers(recipe, EngineSettings(lr=1e-2))
    return Updater(StepModule(recipe), recipe, optimiser, ema, placement=PLACEMENT, max_grad_norm=max_grad_norm)


def gradients(recipe: ToyRecipe) -> list[Tensor]:
    return [p.grad.clone() for p in recipe.parameters() if p.grad is not None]


def weights(recipe: ToyRecipe) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in recipe.state_dict().items()}


def test_accumulation__of_weighted_parts_is_the_whole_batch() -> None:
    once, twice = quiet().double(), quiet().double()
    whole = replace(WHOLE, image=WHOLE.image.double(), depth=WHOLE.depth.double())  # type: ignore[union-attr]
    reports = [updater(once)(work(whole), stop=False)]
    # five and three pictures with other numbers of valid pixels: only weights make the parts add up
    reports += [updater(twice)(work(part(whole, slice(0, 5)), part(whole, slice(5, 8))), stop=False)]
    for one, other in zip(gradients(once), gradients(twice), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
    assert reports[0].values == pytest.approx(reports[1].values, rel=1e-6)
    assert reports[0].grad_norm == pytest.approx(reports[1].grad_norm, rel=1e-12)


class Plain(ToyRecipe):
    """A mean over pictures, which needs no weights."""

    def step(self, batches: object, progress: object) -> StepResult:  # noqa: ARG002
        loss = self.net(batches["train"].image).square().mean()  # type: ignore[index]
        return StepResult(loss=loss)


def test_accumulation__of_two_halves_is_the_whole_batch_for_a_mean_loss() -> None:
    recipes = [Plain(dropout=0.0), Plain(dropout=0.0)]
    for recipe in recipes:
        recipe.net.encoder[1].eval()
    updater(recipes[0])(work(WHOLE), stop=False)
    updater(recipes[1])(work(part(WHOLE, slice(0, 4)), part(WHOLE, slice(4, 8))), stop=False)
    for one, other in zip(gradients(recipes[0]), gradients(recipes[1]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_accumulation__of_batches_without_any_valid_pixel_moves_nothing_by_gradient() -> None:
    empty = replace(WHOLE, valid=torch.zeros_like(WHOLE.valid))  # type: ignore[arg-type]

    class Safe(ToyRecipe):
        def step(self, batches: object, progress: object) -> StepResult:  # noqa: ARG002
            loss = self.net(batches["train"].image).sum() * 0.0  # type: ignore[index]
            return StepResult(loss=loss, weight=batches["train"].valid.sum())  # type: ignore[index]

    report = updater(Safe())(work(empty, empty), stop=False)
    assert (report.values["Loss"], report.grad_norm) == (0.0, 0.0)


def test_seed__decides_dropout() -> None:
    norms = [updater(ToyRecipe())(work(WHOLE, seed=seed), stop=False).grad_norm for seed in (1, 1, 2)]
    assert norms[0] == norms[1] != norms[2]


def test_clipping__scales_the_gradient_to_the_norm() -> None:
    recipe = quiet()
    report = updater(recipe, max_grad_norm=0.5)(work(WHOLE), stop=False)
    after = math.sqrt(sum(float(g.square().sum()) for g in gradients(recipe)))
    assert report.grad_norm > 0.5
    assert after == pytest.approx(0.5, rel=1e-4)


def test_clipping__is_off_at_zero() -> None:
    recipe = quiet()
    report = updater(recipe, max_grad_norm=0.0)(work(WHOLE), stop=False)
    after = math.sqrt(sum(float(g.square().sum()) for g in gradients(recipe)))
    assert after == pytest.approx(report.grad_norm, rel=1e-5)


def test_frozen_part__has_no_gradient_no_share_in_the_norm_and_keeps_its_bits() -> None:
    recipe = ToyRecipe(frozen=True)
    recipe.train()
    before = weights(recipe)
    step = updater(recipe)
    for _ in range(3):
        report = step(work(WHOLE), stop=False)
    assert all(p.grad is None for p in recipe.net.encoder.parameters())
    assert all(torch.equal(before[name], t) for name, t in weights(recipe).items() if ".encoder." in name)
    assert not all(torch.equal(before[name], t) for name, t in weights(recipe).items() if ".head." in name)
    trained = math.sqrt(sum(float(g.square().sum()) for g in gradients(recipe)))
    assert report.grad_norm == pytest.approx(trained, rel=1e-5)


def poisoned(value: float) -> Batch:
    image = WHOLE.image.clone()
    image[0, 0, 0, 0] = value
    return replace(WHOLE, image=image)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_loss__moves_nothing(value: float) -> None:
    recipe = quiet()
    ema = Ema(recipe.trained, 0.5)
    before, average = weights(recipe), {name: t.clone() for name, t in ema.tensors().items()}
    report = updater(recipe, ema)(work(WHOLE, poisoned(value)), stop=False)
    assert not report.finite
    assert all(torch.equal(before[name], t) for name, t in weights(recipe).items())
    assert all(torch.equal(average[name], t) for name, t in ema.tensors().items())


@pytest.mark.parametrize("index", range(6))
def test_non_finite_gradient_of_any_parameter__moves_nothing(index: int) -> None:
    recipe = quiet()
    parameter = [p for name, p in recipe.named_parameters() if p.requires_grad and "unused" not in name][index]
    register_hook(parameter, lambda g: g.index_fill(0, torch.tensor([0]), math.nan))
    before = weights(recipe)
    report = updater(recipe)(work(WHOLE), stop=False)
    assert math.isfinite(report.values["Loss"])
    assert not report.finite
    assert all(torch.equal(before[name], t) for name, t in weights(recipe).items())


def test_finite_update__moves_weights_average_and_teacher() -> None:
    recipe = quiet()
    ema = Ema(recipe.trained, 0.5)
    before, average = weights(recipe), ema.tensors()["head.2.weight"].clone()
    assert updater(recipe, ema)(work(WHOLE), stop=False).finite
    assert not torch.equal(before["net.head.2.weight"], weights(recipe)["net.head.2.weight"])
    assert not torch.equal(before["teacher.weight"], recipe.teacher.weight)
    assert not torch.equal(average, ema.tensors()["head.2.weight"])


def test_report__passes_on_the_request_to_stop() -> None:
    assert [updater(quiet())(work(WHOLE), stop=stop).stop for stop in (True, False)] == [True, False]


@pytest.mark.parametrize(("loss", "norm", "finite"), [(1.0, 1.0, 1), (math.nan, 1.0, 0), (1.0, math.inf, 0)])
def test_report__is_finite_when_loss_and_gradient_are(loss: float, norm: float, finite: int) -> None:
    assert UpdateReport(values={"Loss": loss, "Part": math.nan}, grad_norm=norm, stop=False).finite == bool(finite)


def test_images__counts_all_streams_and_steps() -> None:
    assert work(WHOLE, part(WHOLE, slice(0, 3))).images == 11
