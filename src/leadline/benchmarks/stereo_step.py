# SPDX-License-Identifier: Apache-2.0
"""A size enters; what an update of the stereo recipe costs, stage by stage, and what bf16 changes of it, leaves.

The network is DINOv2-S with TiO-Depth's decoder on one crop of 256 x 832, all of it trained, all stages in each update.
Expected: no goal is set for the times; the losses of the first updates agree between bf16 and float32 within 2 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from leadline.benchmarks.machine import synchronise
from leadline.benchmarks.measurement import Comparison, Spread, compare, seconds_per_call
from leadline.benchmarks.report import Row, spread_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.sample import Batch, StereoView
from leadline.losses.pooling import keep
from leadline.losses.volume import synthesise
from leadline.models.stereo.stereo_model import StereoModel
from leadline.recipes.stereo.config import StereoConfig
from leadline.recipes.stereo.recipe import StereoRecipe
from leadline.training.distributed import StepModule
from leadline.training.placement import Placement
from leadline.training.recipe import Progress
from leadline.training.stages import StageOptimisers
from leadline.training.update import LOSS, Updater, Work

SIZE = (256, 832)
AGREEMENT = 0.02
UPDATES_COMPARED = 3
_DISPARITY_PX = 24
_ROUNDS = 3  # an update takes seconds
_LATE = 40  # an epoch, counted from 0, in which all stages of the published schedule are active


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """Rows of the benchmark, and every single measurement."""

    rows: tuple[Row, ...]
    raw: dict[str, object]


class StereoStep:
    """A recipe with its optimisers and one batch: whole updates, or one stage of them.

    Args:
        device: where.
        autocast_dtype: bf16, or None for float32.
        batch_size: pairs.
        size: (H, W) in pixels.
        encoder: a name of the recipe's.
    """

    def __init__(
        self,
        *,
        device: torch.device,
        autocast_dtype: torch.dtype | None,
        batch_size: int,
        size: tuple[int, int],
        encoder: str,
    ) -> None:
        torch.manual_seed(0)
        config = StereoConfig(
            encoder=encoder,
            full_size=size,
            target_size=size,
            scale_range=(1.0, 1.0),
            loss_mono=("photometric", "smooth=0.0008"),
        )
        self.recipe = StereoRecipe(config, StereoModel(config.network())).to(device).train()
        placement = Placement(device=device, autocast_dtype=autocast_dtype)
        optimisers = StageOptimisers(self.recipe, config.engine)
        optimisers.set_rates(epoch=_LATE, update=_LATE, updates_per_epoch=1)
        self.updater = Updater(
            StepModule(self.recipe), self.recipe, optimisers, None, placement=placement, max_grad_norm=config.max_grad_norm
        )
        self.batch, self.device = made_up_pairs(batch_size, size), device

    def update(self) -> float:
        """One update of all stages, waited for; its loss."""
        report = self.updater(self._work(), stop=False)
        synchronise(self.device)
        return report.values[LOSS]

    def stage(self, name: str) -> None:
        """Forward, backward and move of one stage by itself, waited for."""
        self.updater._stage(name, self._work(), stop=False)
        self.recipe.after_step()
        synchronise(self.device)

    def encode(self) -> None:
        """The encoder's forward pass over one view, waited for."""
        with torch.no_grad():
            self.recipe.trained.features(self.batch.image.to(self.device))
        synchronise(self.device)

    def synthesise(self) -> None:
        """Stage mono's synthesis of a view over all levels, forward and backward, waited for."""
        model = self.recipe.trained
        image = self.batch.image.to(self.device)
        logits = torch.zeros(len(image), model.config.levels, *image.shape[2:], device=self.device, requires_grad=True)
        synthesise(logits=logits, image=image, levels_px=model.levels_px, direction=1).sum().backward()  # type: ignore[no-untyped-call]
        synchronise(self.device)

    def _work(self) -> Work:
        progress = Progress(epoch=_LATE, step=0, total_steps=1, sum_across=keep)
        return Work(batches=[{"train": self.batch}], seeds=[0], progress=progress)


def made_up_pairs(pairs: int, size: tuple[int, int]) -> Batch:
    """Smooth random textures of (H, W) pixels with one disparity; always the same."""
    generator = torch.Generator().manual_seed(0)
    wide = _texture((pairs, 3, size[0], size[1] + _DISPARITY_PX), generator)
    view = StereoView(image=wide[..., _DISPARITY_PX:].contiguous(), baseline_m=torch.full((pairs,), 0.54))
    names = tuple(f"pair{index}" for index in range(pairs))
    return Batch(keys=names, datasets=names, image=wide[..., :-_DISPARITY_PX].contiguous(), stereo=view)


def step_report(
    settings: BenchmarkSettings, device: torch.device, *, size: tuple[int, int] = SIZE, encoder: str = "dinov2s"
) -> StepReport:
    """Measure whole updates in bf16 against float32, and the parts of one in bf16."""
    batch_size, rounds = settings.batch_size or 1, min(settings.rounds, _ROUNDS)
    mixed, full = (
        StereoStep(device=device, autocast_dtype=dtype, batch_size=batch_size, size=size, encoder=encoder)
        for dtype in (torch.bfloat16, None)
    )
    curves = [(full.update(), mixed.update()) for _ in range(UPDATES_COMPARED)]
    found = compare(ours=mixed.update, peer=full.update, rounds=rounds, least_s=settings.least_s)
    name = f"update of three stages, {encoder} {size[0]}x{size[1]}, batch {batch_size}"
    parts: dict[str, Callable[[], object]] = {
        "stage mono": lambda: mixed.stage("mono"),
        "  of it: synthesis over all levels": mixed.synthesise,
        "stage stereo": lambda: mixed.stage("stereo"),
        "stage refine, by itself": lambda: mixed.stage("refine"),
        "encoder, forward, one view": mixed.encode,
    }
    timed = {
        part: [1000 * seconds_per_call(work, least_s=settings.least_s) for _ in range(3)] for part, work in parts.items()
    }
    rows = [
        _agreement_row(curves),
        _speed_row(f"{name}: float32 over bf16", found),
        spread_row("  bf16", Spread.of([1000 * one for one in found.ours_s]), unit="ms"),
        spread_row("  float32", Spread.of([1000 * one for one in found.peer_s]), unit="ms"),
        *(spread_row(f"  {part}, bf16", Spread.of(times), unit="ms") for part, times in timed.items()),
    ]
    raw: dict[str, object] = {"update_bf16_s": found.ours_s, "update_fp32_s": found.peer_s}
    return StepReport(rows=tuple(rows), raw=raw | {"losses": curves, "parts_ms": timed})


def _agreement_row(curves: list[tuple[float, float]]) -> Row:
    gap = max(abs(mixed - full) / abs(full) for full, mixed in curves)
    name = f"loss of the first {len(curves)} updates, bf16 against float32: relative difference"
    return Row(name=name, value=gap, unit="", expected=f"at most {AGREEMENT:g}", met=gap <= AGREEMENT)


def _speed_row(name: str, found: Comparison) -> Row:
    ratio = found.ratio
    note = f"range {ratio.least:.2f}-{ratio.greatest:.2f}, A/A noise {found.noise.median:.1%}"
    return Row(name=name, value=ratio.median, unit="x", spread=(ratio.lower_quartile, ratio.upper_quartile), note=note)


def _texture(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    coarse = torch.rand(*shape[:2], shape[2] // 8, shape[3] // 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, shape[2:], mode="bilinear", align_corners=False)
