# SPDX-License-Identifier: Apache-2.0
"""One optimiser update: batches enter; moved weights and the update's numbers leave, or an error before anything moved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from leadline.training.distributed import current, gathering_only, recipe_of, total
from leadline.training.placement import Placement, moved
from leadline.training.random_state import seed_all

if TYPE_CHECKING:
    from leadline.contracts.sample import Batch
    from leadline.training.ema import Ema
    from leadline.training.recipe import Progress, Recipe
    from leadline.training.stages import StageOptimisers

LOSS = "Loss"


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What one update computes on, enough to compute it again.

    Attributes:
        batches: one batch per stream, shapes and units as in ``Batch``, for each of the accumulated steps.
        seeds: of all generators, one for each of them.
        progress: where the run stands.
    """

    batches: Sequence[Mapping[str, Batch]]
    seeds: Sequence[int]
    progress: Progress

    @property
    def images(self) -> int:
        """Pictures of this rank in the update."""
        return sum(batch.image.shape[0] for streams in self.batches for batch in streams.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateReport:
    """Numbers of one update, the mean over its batches and over ranks.

    Attributes:
        values: ``Loss``, over all stages, and the recipe's parts.
        grad_norm: L2 norm over the trained parameters before clipping; of several stages, over all their gradients.
        stop: whether any rank was asked to stop.
        stage: whose numbers they are; empty for an update as a whole.
    """

    values: dict[str, float]
    grad_norm: float
    stop: bool
    stage: str = ""

    @property
    def finite(self) -> bool:
        """Whether the update may move the weights."""
        return math.isfinite(self.values[LOSS]) and math.isfinite(self.grad_norm)


class Updater:
    """Turns work into updates.

    Args:
        module: the recipe's step, wrapped by ``distributed.parallel``.
        recipe: the recipe itself.
        optimiser, ema: what moves, ``ema`` None where there is no average.
        placement: device and precision.
        max_grad_norm: 0 or less switches clipping off.
    """

    def __init__(
        self,
        module: nn.Module,
        recipe: Recipe,
        optimiser: StageOptimisers,
        ema: Ema | None,
        *,
        placement: Placement,
        max_grad_norm: float,
    ) -> None:
        self._module, self._recipe, self._optimiser, self._ema = module, recipe, optimiser, ema
        self._placement, self._max_grad_norm = placement, max_grad_norm

    def __call__(self, work: Work, *, stop: bool) -> UpdateReport:
        """Do ``work``, stage after stage, and move the weights; the first report that is not ``finite`` ends the update.

        That stage has moved nothing.  The gradients of the last stage stay on the parameters until the next call.
        """
        reports: list[UpdateReport] = []
        for stage in self._optimiser.active(work.progress.epoch):
            reports.append(self._stage(stage.name, work, stop=stop))
            if not reports[-1].finite:
                return reports[-1]
        self._recipe.after_step()
        if self._ema is not None:
            self._ema.update(work.progress.step + 1)
        return reports[0] if len(reports) == 1 else together(reports)

    def _stage(self, stage: str, work: Work, *, stop: bool) -> UpdateReport:
        """The gradients of one stage, and its move where they are finite."""
        self._recipe.zero_grad(set_to_none=True)  # a stage's gradients reach parameters that only others move
        work = replace(work, progress=replace(work.progress, stage=stage))
        means = gather_gradients(self._module, work, self._placement)
        moved, optimiser = self._optimiser.parameters(stage), self._optimiser.of(stage).adamw
        norm = gradient_norm(moved, self._placement.device)
        report = replace(_agreed(means, norm, stop=stop), stage=stage)
        if report.finite:
            if self._max_grad_norm > 0:
                nn.utils.clip_grads_with_norm_(moved, self._max_grad_norm, norm)
            optimiser.step()
        return report


def together(reports: Sequence[UpdateReport]) -> UpdateReport:
    """The stages of one update as one report: losses are added, parts stand side by side."""
    return UpdateReport(
        values={name: value for one in reports for name, value in one.values.items()}
        | {LOSS: math.fsum(one.values[LOSS] for one in reports)},
        grad_norm=math.hypot(*(one.grad_norm for one in reports)),
        stop=any(one.stop for one in reports),
    )


def gather_gradients(module: nn.Module, work: Work, placement: Placement) -> dict[str, Tensor]:
    """Forward and backward of all of ``work``: adds its mean gradient to the parameters, returns its mean loss and parts.

    Name -> (), on the device, in the units of the recipe's losses; means over batches by ``StepResult.weight``.  ``module``
    is the recipe's step, wrapped by ``distributed.parallel`` or not.
    """
    steps = len(work.batches)
    recipe = recipe_of(module)
    if steps > 1 and recipe.surveys:
        work = replace(work, progress=_surveyed(recipe, work, placement))
    results: list[tuple[dict[str, Tensor], Tensor]] = []
    for index in range(steps):
        with nullcontext() if index == steps - 1 else gathering_only(module):
            results.append(_backward(module, work, index, placement))
    whole = torch.stack([weight for _, weight in results]).sum()
    whole = whole.clamp_min(torch.finfo(whole.dtype).tiny)  # no valid pixel anywhere: zero gradients, not 0 / 0
    if steps > 1:
        torch._foreach_div_([p.grad for p in module.parameters() if p.grad is not None], whole)
    names = results[0][0]
    return {name: torch.stack([values[name] * weight for values, weight in results]).sum() / whole for name in names}


def _surveyed(recipe: Recipe, work: Work, placement: Placement) -> Progress:
    """The progress of ``work`` with what the recipe says of all its batches."""
    batches = (_placed(work, index, placement) for index in range(len(work.batches)))
    with torch.no_grad(), placement.autocast(), _buffers_put_back(recipe):
        return replace(work.progress, surveyed=recipe.survey(batches, work.progress))


@contextmanager
def _buffers_put_back(module: nn.Module) -> Iterator[None]:
    """Afterwards every buffer holds what it held before, also one that was replaced by another tensor."""
    before = [
        (owner, name, buffer, None if buffer is None else buffer.clone())
        for owner in module.modules()
        for name, buffer in owner._buffers.items()
    ]
    try:
        yield
    finally:
        for owner, name, buffer, value in before:
            owner._buffers[name] = None if buffer is None or value is None else buffer.copy_(value)


def _placed(work: Work, index: int, placement: Placement) -> dict[str, Batch]:
    """One batch on the device, and all generators at its seed."""
    seed_all(work.seeds[index], placement.device)
    return {name: moved(batch, placement.device) for name, batch in work.batches[index].items()}


def _backward(module: nn.Module, work: Work, index: int, placement: Placement) -> tuple[dict[str, Tensor], Tensor]:
    """Gradients of one batch, multiplied by its weight where the update has several."""
    batches = _placed(work, index, placement)
    with placement.autocast():
        loss, parts, weight = module(batches, work.progress)
    if len(work.batches) == 1 or weight is None:
        counted = torch.ones_like(loss.detach())
    else:
        counted = total(weight.detach().to(loss.dtype).clone())
    (loss if len(work.batches) == 1 else loss * counted).backward()
    return {LOSS: loss.detach(), **{name: part.detach() for name, part in parts.items()}}, counted


def gradient_norm(parameters: Sequence[nn.Parameter], device: torch.device) -> Tensor:
    """() L2 norm over all gradients there are, of any shapes, 0 where there is none, on ``device``; no unit."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients).to(device)


def _agreed(means: dict[str, Tensor], norm: Tensor, *, stop: bool) -> UpdateReport:
    """The same report on every rank, at the price of one sum across ranks and one wait for the device."""
    precision = torch.float32 if norm.device.type == "mps" else torch.float64
    numbers = torch.stack([value.to(precision) for value in (*means.values(), norm, torch.ones_like(norm) * stop)])
    *values, grad_norm, stops = (total(numbers) / current().world).tolist()
    return UpdateReport(values=dict(zip(means, values, strict=True)), grad_norm=grad_norm, stop=stops > 0)
