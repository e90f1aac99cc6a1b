# SPDX-License-Identifier: Apache-2.0
"""A size enters; how much faster a student's step is when its teacher's labels lie on disk than when it is asked leaves.

The step is that of the recipe ``distillation``, ViT-S, with a teacher of the same size: forward and backward of the student,
the teacher's forward pass where it is asked.  Reading labels is the loader's work and goes on beside.  Forward alone takes
about a third of forward and backward of the same network, and a larger teacher makes it more.  Expected: at least 1.2x.
"""

from __future__ import annotations

import dataclasses

import torch

from leadline.benchmarks.contenders import default_batch_size, make_batches
from leadline.benchmarks.machine import synchronise, this_machine
from leadline.benchmarks.measurement import compare
from leadline.benchmarks.report import Report, Row, ratio_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.sample import Batch
from leadline.losses.pooling import keep
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.distillation.recipe import DistillationRecipe
from leadline.recipes.staged.words import TeachersWords
from leadline.training.distributed import StepModule
from leadline.training.placement import Placement, choose_placement
from leadline.training.recipe import Progress
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from leadline.training.update import Updater, Work

GOAL = 1.2
SIDES_PX = (252,)


class StudentLoop:
    """A student under the engine's own update, on a network of its own.

    Args:
        teacher: asked in every step; None where batches come with labels.
        placement: device and precision.
    """

    def __init__(self, teacher: DepthModel | None, placement: Placement) -> None:
        torch.manual_seed(0)
        student = DepthModel(DepthModelConfig(encoder="vits")).to(placement.device).train()
        recipe = DistillationRecipe(DistillationConfig(), student, TeachersWords(teacher), None)
        settings = EngineSettings()
        self._placement = placement
        self._updater = Updater(
            StepModule(recipe), recipe, StageOptimisers(recipe, settings), None, placement=placement, max_grad_norm=1.0
        )

    def step(self, batch: Batch) -> float:
        """One update on pictures (B,3,H,W), with labels (B,H,W) or without; its loss, without unit."""
        progress = Progress(epoch=0, step=0, total_steps=1, sum_across=keep)
        report = self._updater(Work(batches=[{"train": batch}], seeds=[0], progress=progress), stop=False)
        synchronise(self._placement.device)
        return report.values["Loss"]


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark.

    Raises:
        UsageError: the device does not exist here.
    """
    placement = choose_placement(EngineSettings(device=settings.device))
    batch_size = settings.batch_size or default_batch_size(placement.device)
    torch.manual_seed(1)
    teacher = DepthModel(DepthModelConfig(encoder="vits"))
    rows: list[Row] = []
    raw: dict[str, object] = {}
    for side in settings.sides_px or SIDES_PX:
        labelled, bare = make_pair(side, batch_size, placement.device)
        cached, online = StudentLoop(None, placement), StudentLoop(teacher, placement)
        found = compare(
            ours=lambda cached=cached, batch=labelled: cached.step(batch),  # type: ignore[misc]
            peer=lambda online=online, batch=bare: online.step(batch),  # type: ignore[misc]
            rounds=settings.rounds,
            least_s=settings.least_s,
        )
        rows.append(ratio_row(f"student's step, {side}x{side}, labels kept over teacher asked", found, at_least=GOAL))
        raw[str(side)] = {"cached_s": found.ours_s, "online_s": found.peer_s}
    notes = (
        f"student and teacher ViT-S, batch {batch_size}",
        f"{settings.rounds} rounds of asked - kept - asked in one process; median [quartiles]",
    )
    return Report(name="student-step", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def make_pair(side_px: int, batch_size: int, device: torch.device) -> tuple[Batch, Batch]:
    """The same pictures (B,3,side,side) with labels, and without."""
    (batch,) = make_batches(1, side_px=side_px, batch_size=batch_size, device=device)
    image = ((batch.image + 2) / 4).clamp(0, 1)
    labelled = dataclasses.replace(batch, image=image, kind=DepthKind.AFFINE_DISPARITY)
    return labelled, dataclasses.replace(labelled, depth=None, valid=None)
