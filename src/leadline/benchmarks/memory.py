# SPDX-License-Identifier: Apache-2.0
"""A size enters; the peak memory of a training step leaves, beside what weights, gradients, AdamW and activations must take.

The step runs in a process of its own, so that its peak is nobody else's.  What it must hold is counted, not measured:
every parameter four times (weight, gradient, two moments), and every tensor that autograd keeps for the backward pass,
each storage once.  The rest is what the kernels' workspaces add, and, in a process that keeps freed memory for speed, the
gaps between blocks.  Expected: at most 1.1 times the count without those gaps.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from leadline.benchmarks.contenders import EngineLoop, default_batch_size, loss_of, make_batches
from leadline.benchmarks.machine import this_machine
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.report import Report, Row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.sample import Batch
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import SigmoidHeadConfig
from leadline.training.placement import choose_placement
from leadline.training.settings import EngineSettings

GOAL = 1.1
SIDES_PX = (518,)
_STEPS = 3  # the second is the first to hold AdamW's moments and activations at once
_MIB = 2**20
_ADAMW_COPIES = 4  # weight, gradient, first and second moment


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryUse:
    """Bytes of one training step: counted states and activations, measured peak above the bare process."""

    states: int
    activations: int
    peak: int

    @property
    def ratio(self) -> float:
        """Measured over counted."""
        return self.peak / (self.states + self.activations)


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark in fresh processes.

    Raises:
        UsageError: the device does not exist here.
    """
    choose_placement(EngineSettings(device=settings.device))  # refuse a wrong device here, not in the child
    rows: list[Row] = []
    for side in settings.sides_px or SIDES_PX:
        needed = in_fresh_process("thrifty", use_of_step, (settings, side))
        as_run = in_fresh_process("leadline", use_of_step, (settings, side))
        rows += _rows(f"training step, ViT-S, {side}x{side}", needed, as_run)
    notes = (
        "processes of their own; the peak of the resident set on a CPU, of torch's allocator on CUDA",
        "peak: what the step needs, freed memory given back at once; as run: memory kept for speed, as by our command line",
    )
    return Report(name="memory", machine=this_machine().line(), rows=tuple(rows), notes=notes)


def _rows(name: str, needed: MemoryUse, as_run: MemoryUse) -> list[Row]:
    return [
        Row(
            name=f"{name}: peak over counted",
            value=needed.ratio,
            unit="x",
            expected=f"at most {GOAL:g}",
            met=needed.ratio <= GOAL,
        ),
        Row(name="  as run, over counted", value=as_run.ratio, unit="x"),
        Row(name="  peak above the bare process", value=needed.peak / _MIB, unit="MiB"),
        Row(name="  as run, above the bare process", value=as_run.peak / _MIB, unit="MiB"),
        Row(name="  weights, gradients, AdamW", value=needed.states / _MIB, unit="MiB", note="4 x fp32 parameters"),
        Row(name="  activations kept for backward", value=needed.activations / _MIB, unit="MiB", note="each storage once"),
    ]


def use_of_step(arguments: tuple[BenchmarkSettings, int]) -> MemoryUse:
    """Train a few steps on pictures of a given side in px, in this process, and look; call it in a fresh one."""
    settings, side_px = arguments
    placement = choose_placement(EngineSettings(device=settings.device))
    on_cuda = placement.device.type == "cuda"
    batch_size = settings.batch_size or default_batch_size(placement.device)
    _warm_up(placement.device)
    bare = torch.cuda.max_memory_allocated() if on_cuda else peak_resident()
    model = DepthModel(DepthModelConfig(encoder="vits", head=SigmoidHeadConfig()))
    contender = EngineLoop(model, placement)
    del model
    batch = make_batches(1, side_px=side_px, batch_size=batch_size, device=placement.device)[0]
    for _ in range(_STEPS):
        contender.step(batch)
    peak = (torch.cuda.max_memory_allocated() if on_cuda else peak_resident()) - bare
    return MemoryUse(
        states=_ADAMW_COPIES * sum(_nbytes(parameter) for parameter in contender.network.parameters()),
        activations=saved_for_backward(contender, batch),
        peak=peak,
    )


def saved_for_backward(contender: EngineLoop, batch: Batch) -> int:
    """Bytes that autograd keeps between a forward and its backward pass, each storage once, parameters left out.

    Batch and errors as in ``contenders.loss_of``.
    """
    parameters = {parameter.untyped_storage().data_ptr() for parameter in contender.network.parameters()}
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), contender.placement.autocast():
        loss = loss_of(contender.network, batch)
    kept = sum(storages.values())
    del loss
    return kept


def _warm_up(device: torch.device) -> None:
    """Load the kernels' libraries, which are nobody's activations."""
    layer = nn.Conv2d(3, 8, 3).to(device)
    layer(torch.zeros(1, 3, 16, 16, device=device)).sum().backward()


def _nbytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def peak_resident() -> int:
    """Bytes of the resident set of this process at its worst so far."""
    # Linux hands ru_maxrss on to children, even through exec; the high-water mark of /proc is this process's own.
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes
