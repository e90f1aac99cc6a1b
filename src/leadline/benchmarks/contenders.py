# SPDX-License-Identifier: Apache-2.0
"""Networks and batches enter; training steps that can be timed and compared leave: a plain loop's, and our engine's."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from leadline.benchmarks.machine import synchronise
from leadline.contracts.sample import Batch, Field
from leadline.losses.pooling import keep
from leadline.losses.silog import dav2_silog
from leadline.training.distributed import StepModule
from leadline.training.placement import Placement
from leadline.training.recipe import ParameterGroup, Progress, Recipe, StepResult
from leadline.training.settings import EngineSettings
from leadline.training.stages import StageOptimisers
from leadline.training.update import Updater, Work

_LR, _WEIGHT_DECAY = 1e-5, 1e-2


class Contender(Protocol):
    """Something that learns from batches."""

    network: nn.Module

    def step(self, batch: Batch) -> float:
        """One optimiser step on images (B,3,H,W), normalised, and depths (B,H,W) in metres; the loss before it, no unit."""
        ...


class PlainLoop:
    """The loop one writes first: float32, eager, torch's own AdamW; on a copy of ``network``."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network = copy.deepcopy(network).to(device).train()
        self.device = device
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=_LR, weight_decay=_WEIGHT_DECAY)

    def step(self, batch: Batch) -> float:
        """One optimiser step, see ``Contender``; ValueError for a batch without depth."""
        self.optimiser.zero_grad()
        loss = loss_of(self.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        synchronise(self.device)
        return loss.item()


class EngineLoop:
    """What ``leadline train`` does for every update: autocast, the check for finite numbers, fused AdamW; on a copy."""

    def __init__(self, network: nn.Module, placement: Placement) -> None:
        self.network = copy.deepcopy(network).to(placement.device).train()
        self.placement = placement
        recipe = _OneLoss(self.network)
        settings = EngineSettings(lr=_LR, weight_decay=_WEIGHT_DECAY)
        self._updater = Updater(
            StepModule(recipe), recipe, StageOptimisers(recipe, settings), None, placement=placement, max_grad_norm=0.0
        )

    def step(self, batch: Batch) -> float:
        """One optimiser step, see ``Contender``; ValueError for a batch without depth."""
        work = Work(batches=[{"train": batch}], seeds=[0], progress=_PROGRESS)
        report = self._updater(work, stop=False)
        synchronise(self.placement.device)
        return report.values["Loss"]


_PROGRESS = Progress(epoch=0, step=0, total_steps=1, sum_across=keep)


class _OneLoss(Recipe):
    """Depth Anything V2's SiLog over all parameters."""

    needs = {"train": frozenset({Field.DEPTH})}  # noqa: RUF012 - read only, as every recipe's

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.trained = network

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:  # noqa: ARG002
        """The loss of one batch."""
        return StepResult(loss=loss_of(self.trained, batches["train"]))

    def parameter_groups(self) -> list[ParameterGroup]:
        """All trainable parameters alike."""
        return [ParameterGroup(name="all", parameters=[one for one in self.trained.parameters() if one.requires_grad])]


def loss_of(network: nn.Module, batch: Batch) -> Tensor:
    """Depth Anything V2's SiLog, () without unit, of what the network says of a batch's normalised pictures (B,3,H,W).

    Formula and source: ``losses.silog.dav2_silog``.  Depth and valid are (B,H,W), metres and bool.

    Raises:
        ValueError: the batch has no depth.
        ContractError: the network answers in another shape, see ``losses.pooling.masked_pair``.
    """
    if batch.depth is None or batch.valid is None:
        raise ValueError("a batch without depth")
    predicted_m = network(batch.image).float()
    return dav2_silog(predicted_m=predicted_m, target_m=batch.depth, valid=batch.valid)


def default_batch_size(device: torch.device) -> int:
    """Enough pictures to fill the device without waiting for it."""
    return 2 if device.type == "cpu" else 16


def make_batches(count: int, *, side_px: int, batch_size: int, device: torch.device) -> list[Batch]:
    """Batches of smooth random pictures and smooth depths; always the same ones.

    Only for networks that are handed ``Batch.image`` as it is, as here: it is (B,3,side,side) float32 in the range of
    *normalised* pictures, about -2 to 2 where cubic overshoot does not exceed it, not in the [0, 1] of the contract.
    Depth is (B,side,side) from 1 to 9 m, all of it valid.
    """
    generator = torch.Generator().manual_seed(1)
    batches = []
    for _ in range(count):
        coarse = torch.rand(batch_size, 4, 9, 9, generator=generator)
        fine = F.interpolate(coarse, size=(side_px, side_px), mode="bicubic", align_corners=False).to(device)
        depth_m = 1 + 8 * fine[:, 3].clamp(0, 1)
        names = tuple(str(index) for index in range(batch_size))
        valid = torch.ones_like(depth_m, dtype=torch.bool)
        batches.append(Batch(keys=names, datasets=names, image=4 * fine[:, :3] - 2, depth=depth_m, valid=valid))
    return batches


def loss_curve(contender: Contender, batches: Sequence[Batch]) -> list[float]:
    """The losses, without unit, of one step per batch; batches and errors as in ``Contender.step``."""
    return [contender.step(batch) for batch in batches]


def count_flops(contender: Contender, batch: Batch) -> int:
    """Operations of matrix products, convolutions and attention in one step; batch as in ``Contender.step``."""
    with FlopCounterMode(display=False) as counter:
        contender.step(batch)
    return int(counter.get_total_flops())
