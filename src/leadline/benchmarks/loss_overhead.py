# SPDX-License-Identifier: Apache-2.0
"""A size enters; which share of a training step Depth Anything's losses and its mixing of pictures cost leaves.

The losses are timed by themselves, forward and backward to the prediction, in turns with whole steps of ViT-S: a difference
of two steps would drown in the step's own noise.  All of them run over all pictures of the batch, which is more than a step
of either system owes: the affine-invariant loss without its largest tenth, gradient matching at four scales, the drawing and
mixing of CutMix for pictures, labels and masks, and the loss of the mixed ones.  Expected: at most 5 %.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from leadline.benchmarks.contenders import EngineLoop, default_batch_size, make_batches
from leadline.benchmarks.machine import synchronise, this_machine
from leadline.benchmarks.measurement import Comparison, Spread, compare, seconds_per_call
from leadline.benchmarks.report import Report, Row, spread_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.losses.affine_invariant import affine_invariant, affine_invariant_gradient
from leadline.losses.regional import regional
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import SigmoidHeadConfig
from leadline.training.placement import choose_placement
from leadline.training.settings import EngineSettings
from leadline.transforms.cutmix import CutMix, mixed

GOAL_PERCENT = 5.0
SIDES_PX = (252,)
IGNORED = 0.1  # Depth Anything V2's share of largest differences
_VALID_SHARE = 0.9


class LossWork:
    """One batch of pictures, labels, masks and predictions, and what is done with them beside the network."""

    def __init__(self, *, side_px: int, batch_size: int, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(2)
        (batch,) = make_batches(1, side_px=side_px, batch_size=batch_size, device=device)
        self.image = batch.image
        self.target, noise = torch.rand(2, *batch.image[:, 0].shape, generator=generator).to(device)
        self.predicted = (self.target * (0.5 + noise)).requires_grad_()
        self.valid = (torch.rand(self.target.shape, generator=generator) < _VALID_SHARE).to(device)
        self._generator = generator

    def ssi(self) -> Tensor:
        """The affine-invariant loss of all pixels, ()."""
        return affine_invariant(predicted=self.predicted, target=self.target, valid=self.valid)

    def masked_ssi(self) -> Tensor:
        """The same without each picture's largest tenth, ()."""
        return affine_invariant(predicted=self.predicted, target=self.target, valid=self.valid, ignore_largest=IGNORED)

    def gradient(self) -> Tensor:
        """Gradient matching at four scales, ()."""
        return affine_invariant_gradient(predicted=self.predicted, target=self.target, valid=self.valid)

    def cutmix(self) -> Tensor:
        """Pictures, labels and masks mixed, and the loss of the mixed ones, ()."""
        height, width = self.target.shape[-2:]
        masks = CutMix(p=1.0).masks(len(self.image), height=height, width=width, generator=self._generator)
        own = masks.to(self.image.device)
        mixed(self.image, own)  # the student would see it
        return regional(
            predicted=self.predicted,
            target=mixed(self.target, own),
            valid=mixed(self.valid, own),
            inside=own,
            ignore_largest=IGNORED,
        )

    def all(self) -> Tensor:
        """What is promised to be cheap, ()."""
        return self.masked_ssi() + 2 * self.gradient() + self.cutmix()

    def run(self, loss: Callable[[], Tensor]) -> None:
        """Forward, backward to the prediction (B,H,W), and wait."""
        torch.autograd.grad(loss(), self.predicted)
        synchronise(self.predicted.device)


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark.

    Raises:
        UsageError: the device does not exist here.
    """
    placement = choose_placement(EngineSettings(device=settings.device))
    batch_size = settings.batch_size or default_batch_size(placement.device)
    rows: list[Row] = []
    raw: dict[str, object] = {}
    for side in settings.sides_px or SIDES_PX:
        torch.manual_seed(0)
        step = EngineLoop(DepthModel(DepthModelConfig(encoder="vits", head=SigmoidHeadConfig())), placement)
        (batch,) = make_batches(1, side_px=side, batch_size=batch_size, device=placement.device)
        work = LossWork(side_px=side, batch_size=batch_size, device=placement.device)
        found = compare(
            ours=lambda work=work: work.run(work.all),  # type: ignore[misc]
            peer=lambda step=step, batch=batch: step.step(batch),  # type: ignore[misc]
            rounds=settings.rounds,
            least_s=settings.least_s,
        )
        rows += [overhead_row(f"losses over a step of ViT-S, {side}x{side}", found), *_part_rows(work, settings)]
        rows.append(spread_row("  the step", Spread.of([1000 * one for one in found.peer_s]), unit="ms"))
        raw[str(side)] = {"losses_s": found.ours_s, "step_s": found.peer_s}
    notes = (
        f"batch {batch_size}, all of it through every loss; {settings.rounds} rounds of step - losses - step",
        "losses: affine-invariant without the largest tenth, gradient matching, CutMix with its own loss; with gradients",
    )
    return Report(name="loss-overhead", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def overhead_row(name: str, found: Comparison) -> Row:
    """The losses' time in percent of the step's, ``peer`` being the step."""
    ratio = found.ratio
    share = 100 / ratio.median
    return Row(
        name=name,
        value=share,
        unit="%",
        spread=(100 / ratio.upper_quartile, 100 / ratio.lower_quartile),
        expected=f"at most {GOAL_PERCENT:g}",
        met=share <= GOAL_PERCENT,
        note=f"range {100 / ratio.greatest:.2f}-{100 / ratio.least:.2f}, A/A noise of the step {found.noise.median:.1%}",
    )


def _part_rows(work: LossWork, settings: BenchmarkSettings) -> list[Row]:
    """Milliseconds of each part, which only inform."""
    parts = {
        "affine-invariant": work.ssi,
        "the same, largest tenth left out": work.masked_ssi,
        "gradient matching": work.gradient,
        "CutMix and its loss": work.cutmix,
    }
    rows = []
    for name, loss in parts.items():
        times = [1000 * seconds_per_call(lambda loss=loss: work.run(loss), least_s=settings.least_s / 3) for _ in range(3)]  # type: ignore[misc]
        rows.append(spread_row(f"  {name}", Spread.of(times), unit="ms"))
    return rows
