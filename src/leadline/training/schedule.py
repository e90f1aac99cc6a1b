# SPDX-License-Identifier: Apache-2.0
"""The learning rate as a pure function of where the run stands: settings and counters enter, factors leave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadline.training.settings import EngineSettings

POLY_POWER = 0.9  # Depth Anything V2, metric_depth/train.py
# ZoeDepth's settings of OneCycleLR (its config_zoedepth.json and trainers/base_trainer.py)
ONECYCLE_RISE = 0.7
ONECYCLE_DIV = 1.0
ONECYCLE_FINAL_DIV = 1e4
ONECYCLE_MOMENTUM = (0.85, 0.95)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """What the optimiser uses for one update.

    Attributes:
        lr_factor: multiplies every group's learning rate.
        beta1: Adam's first moment decay, or None where the schedule leaves it alone.
    """

    lr_factor: float
    beta1: float | None = None


def rates_at(settings: EngineSettings, *, update: int, updates_per_epoch: int) -> Rates:
    """Factors for update ``update`` (from 0) of a run of ``settings.epochs`` epochs.

    The result depends on nothing else, so a resumed run needs no stored schedule.

    >>> from leadline.training.settings import EngineSettings
    >>> rates_at(EngineSettings(lr_step_size=2), update=25, updates_per_epoch=10).lr_factor
    0.1
    """
    total = settings.epochs * updates_per_epoch
    warmup = settings.warmup_steps or round(settings.warmup_epochs * updates_per_epoch)
    ramp, floor = _ramp(settings.warmup_start, update, warmup), settings.min_lr / settings.lr
    done = max(0, update - warmup) / max(1, total - warmup)  # share of the updates after the warm-up
    match settings.schedule:
        case "constant":
            return Rates(lr_factor=ramp)
        case "step":
            drops = update // updates_per_epoch // settings.lr_step_size
            return Rates(lr_factor=ramp * settings.lr_gamma**drops)
        case "exponential":
            return Rates(lr_factor=ramp * settings.lr_gamma ** (update // updates_per_epoch))
        case "milestones":
            dropped = sum(milestone <= update // updates_per_epoch for milestone in settings.lr_milestones)
            return Rates(lr_factor=ramp * settings.lr_gamma**dropped)
        case "linear":
            # to 0 after the last update, as Depth Anything's "linear schedule" (arXiv 2401.10891, sec. 4.1)
            return Rates(lr_factor=ramp * (floor + (1.0 - floor) * (1.0 - done)))
        case "poly":
            return Rates(lr_factor=ramp * (floor + (1.0 - floor) * (1.0 - update / total) ** POLY_POWER))
        case "warmup-cosine":
            return Rates(lr_factor=ramp * _cosine(1.0, floor, done))
        case "onecycle":
            return _onecycle(update, total)


def _ramp(start: float, update: int, length: int) -> float:
    """By equal steps to 1 after ``length`` updates, from ``start``, or where that is 0 from one step above it."""
    if start and length:
        return start + (1.0 - start) * min(1.0, update / length)  # as torch.optim.lr_scheduler.LinearLR
    return min(1.0, (update + 1) / length) if length else 1.0


def _onecycle(update: int, total: int) -> Rates:
    """Smith & Topin 2017 with cosine annealing in both phases, as torch.optim.lr_scheduler.OneCycleLR counts its steps."""
    peak, last = ONECYCLE_RISE * total - 1.0, total - 1.0
    start, low = 1.0 / ONECYCLE_DIV, 1.0 / ONECYCLE_DIV / ONECYCLE_FINAL_DIV
    base, top = ONECYCLE_MOMENTUM
    if update <= peak:
        done = update / peak if peak > 0 else 1.0
        return Rates(lr_factor=_cosine(start, 1.0, done), beta1=_cosine(top, base, done))
    done = (update - peak) / (last - peak) if last > peak else 1.0
    return Rates(lr_factor=_cosine(1.0, low, done), beta1=_cosine(base, top, done))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * done))
