# SPDX-License-Identifier: Apache-2.0
"""Sizes enter; how fast and small matching by row correlation is beside its plain form, and what an update costs, leave.

The moved form holds one copy of the features at a time where no gradients are asked for, and all 49 where they are, as in
training.  Memory is the peak of a process of its own above what it held before, forward and backward.
Expected: at least 3x, at most a fifth of the memory, values and gradients equal to 1e-6 of the greatest, all at 128 x 416.
The rest of the rows, a whole update of the recipe and bf16 beside float32, are those of ``stereo_step``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from leadline.benchmarks.machine import synchronise, this_machine
from leadline.benchmarks.measurement import Comparison, Spread, compare
from leadline.benchmarks.memory import peak_resident
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.report import Report, Row, ratio_row, spread_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.benchmarks.sigreg import forget_peak
from leadline.benchmarks.stereo_matching_forms import shifting_correlation
from leadline.benchmarks.stereo_step import step_report
from leadline.geometry.levels import exponential_levels
from leadline.models.stereo.correlation import row_correlation
from leadline.training.placement import choose_placement
from leadline.training.settings import EngineSettings

SPEED_GOAL, MEMORY_GOAL, AGREEMENT_GOAL = 3.0, 0.2, 1e-6
# The finest comparison in TiO-Depth's training: crops of 256 x 832 at stride 2, a quarter of 128 channels.
HEIGHT, WIDTH, CHANNELS = 128, 416, 32
WIDTH_PX = 832
_MIB = 2**20
_ROUNDS = 5  # the moved form takes half a second and more

Way = Literal["correlation", "shifting"]


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark.

    Raises:
        UsageError: the device does not exist here.
    """
    device = choose_placement(EngineSettings(device=settings.device)).device
    batch_size = settings.batch_size or 1
    target, other = feature_maps(batch_size, device=device)
    forward = compared(settings, lambda way: looked(way, target, other))
    both = compared(settings, lambda way: descended(way, target, other))
    update = step_report(settings, device)
    peaks = [in_fresh_process("thrifty", peak_of, (way, str(device), batch_size)) for way in ("correlation", "shifting")]
    name = f"matching, {HEIGHT}x{WIDTH}, {CHANNELS} channels, {len(shifts_px())} levels, batch {batch_size}"
    rows = [
        *agreement_rows(target, other),
        ratio_row(f"{name}: shifting over ours, forward", forward, at_least=SPEED_GOAL),
        spread_row("  ours", Spread.of([1000 * one for one in forward.ours_s]), unit="ms"),
        ratio_row("  forward and backward", both, at_least=SPEED_GOAL),
        spread_row("  ours", Spread.of([1000 * one for one in both.ours_s]), unit="ms"),
        *memory_rows(*peaks),
        *update.rows,
    ]
    notes = (
        f"shifting: bilinear sampling of the features for each level; {rounds(settings)} rounds in turns, float32",
        "agreement: ours in float32 against the shifting form in float64; in float32 the latter cannot count pixels exactly",
    )
    raw: dict[str, object] = {
        name: {"ours_s": one.ours_s, "peer_s": one.peer_s} for name, one in (("forward", forward), ("both", both))
    }
    raw["update"] = update.raw
    return Report(name="stereo", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def shifts_px() -> tuple[float, ...]:
    """The levels of TiO-Depth in pixels of the maps."""
    return tuple((exponential_levels().double() * (WIDTH / WIDTH_PX)).tolist())


def feature_maps(batch_size: int, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two made-up maps (B,C,H,W) float32, no unit; always the same."""
    drawn = torch.randn(2, batch_size, CHANNELS, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)).to(device)
    return drawn[0], drawn[1]


def matched(way: Way, target: Tensor, other: Tensor) -> Tensor:
    """(B,C,H,W) twice -> (B,N,H,W), for a left target."""
    form: Callable[..., Tensor] = row_correlation if way == "correlation" else shifting_correlation
    return form(target=target, other=other, shifts_px=shifts_px(), direction=1)


def looked(way: Way, target: Tensor, other: Tensor) -> Tensor:
    """The costs (B,N,H,W) of maps (B,C,H,W), without gradients, waited for."""
    with torch.no_grad():
        costs = matched(way, target, other)
    synchronise(target.device)
    return costs


def descended(way: Way, target: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The costs (B,N,H,W) of maps (B,C,H,W), and the gradients of half their sum of squares by both, waited for."""
    leaves = target.detach().requires_grad_(), other.detach().requires_grad_()
    costs = matched(way, *leaves)
    of_target, of_other = torch.autograd.grad(costs, leaves, grad_outputs=costs.detach())
    synchronise(target.device)
    return costs.detach(), of_target, of_other


def compared(settings: BenchmarkSettings, work: Callable[[Way], object]) -> Comparison:
    """Row correlation, as ours, and the shifting form, as the peer, in turns."""
    return compare(
        ours=lambda: work("correlation"),
        peer=lambda: work("shifting"),
        rounds=rounds(settings),
        least_s=settings.least_s,
    )


def rounds(settings: BenchmarkSettings) -> int:
    """As asked for, but no more than the patience of a reader."""
    return min(settings.rounds, _ROUNDS)


def agreement_rows(target: Tensor, other: Tensor) -> list[Row]:
    """How far costs and gradients of both ways are apart, relative to the greatest number; (B,C,H,W) twice."""
    ours = descended("correlation", target, other)
    exact = descended("shifting", target.double(), other.double())
    rows = []
    for name, mine, theirs in zip(("costs", "gradient of the target", "gradient of the other"), ours, exact, strict=True):
        apart = float((mine - theirs).abs().max() / theirs.abs().max())
        expected = f"at most {AGREEMENT_GOAL:g}"
        rows.append(Row(name=f"{name}: difference", value=apart, unit="", expected=expected, met=apart <= AGREEMENT_GOAL))
    return rows


def peak_of(arguments: tuple[Way, str, int]) -> int:
    """Bytes that forward and backward take at their worst, above what was held before; call it in a fresh process."""
    way, device, batch_size = arguments[0], torch.device(arguments[1]), arguments[2]
    target, other = feature_maps(batch_size, device=device)
    descended(
        way, target[..., :8, :], other[..., :8, :]
    )  # libraries that are loaded with the first call are nobody's memory
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        descended(way, target, other)
        return torch.cuda.max_memory_allocated(device) - before
    forget_peak()
    before = peak_resident()
    descended(way, target, other)
    return peak_resident() - before


def memory_rows(ours: int, theirs: int) -> list[Row]:
    """Two peaks in bytes, beside one another."""
    ratio = ours / theirs
    expected = f"at most {MEMORY_GOAL:g}"
    return [
        Row(name="  memory: ours over shifting", value=ratio, unit="x", expected=expected, met=ratio <= MEMORY_GOAL),
        Row(name="  ours", value=ours / _MIB, unit="MiB"),
        Row(name="  shifting", value=theirs / _MIB, unit="MiB"),
    ]
