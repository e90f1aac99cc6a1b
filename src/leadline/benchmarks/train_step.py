# SPDX-License-Identifier: Apache-2.0
"""Sizes enter; how much faster our training step is than the same network in transformers leaves, and that both learn alike.

Both hold the same weights and see the same pictures, loss (Depth Anything V2's SiLog) and optimiser (AdamW, all parameters).
The peer is what one writes first: float32, eager, a plain loop.  Ours is the engine's own update, with its check for finite
gradients: bf16 autocast where the machine has bf16 units, fused AdamW.  Expected: at least 3x on a CPU with bf16 units.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from leadline.benchmarks.contenders import (
    EngineLoop,
    PlainLoop,
    count_flops,
    default_batch_size,
    loss_curve,
    make_batches,
)
from leadline.benchmarks.hugging_face import HuggingFaceDepthAnything, with_the_same_weights
from leadline.benchmarks.machine import matmul_peak_gflops, this_machine
from leadline.benchmarks.measurement import Comparison, Spread, compare
from leadline.benchmarks.processes import ProcessKind, in_fresh_process
from leadline.benchmarks.report import Report, Row, ratio_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.sample import Batch
from leadline.training.placement import Placement, choose_placement
from leadline.training.settings import EngineSettings

GOAL = 3.0
SIDES_PX = (252, 518)
PROCESSES: dict[ProcessKind, str] = {"plain": "plain process", "leadline": "our settings for both"}
CURVE_BATCHES, CURVE_PASSES = 2, 6
# Largest relative gap of the loss over the curve.  In float32 the two differ by rounding alone; bf16 keeps eight bits of
# every activation while the loss halves.
TOLERANCES = {"ours fp32": 1e-4, "ours bf16": 2e-2}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bout:
    """Two networks, and where and how precisely ours runs."""

    peer: nn.Module
    ours: nn.Module
    mixed: Placement


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark, in two processes: both contenders as in a plain script, and both with our command line's settings.

    Raises:
        MissingExtraError: transformers is not installed.
        UsageError: the device does not exist here.
    """
    mixed = choose_placement(EngineSettings(device=settings.device))
    HuggingFaceDepthAnything()  # refuse what is missing here, not in a child
    batch_size = settings.batch_size or default_batch_size(mixed.device)
    rows: list[Row] = []
    raw: dict[str, object] = {}
    for side in settings.sides_px or SIDES_PX:
        for kind, words in PROCESSES.items():
            bout_rows, raw[f"{side}, {kind}"] = in_fresh_process(kind, _one_bout, (settings, side, batch_size))
            name = f"training step, ViT-S, {side}x{side}, {words}"
            rows += [dataclasses.replace(bout_rows[0], name=name), *bout_rows[1:]]
    precision = "bf16 autocast" if mixed.autocast_dtype else "float32 (no bf16 units here)"
    notes = (
        f"ours: the engine's update, {precision}; peer: transformers, float32, eager, plain loop; batch {batch_size}",
        f"{settings.rounds} rounds of peer - ours - peer in one process; median [quartiles]",
        "our settings (kept memory, huge pages, threads that spin briefly) are given to the peer too: it gains more",
    )
    return Report(name="train-step", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def _one_bout(arguments: tuple[BenchmarkSettings, int, int]) -> tuple[list[Row], dict[str, object]]:
    """Rows and raw numbers of one size, in this process; the first row is the ratio."""
    settings, side_px, batch_size = arguments
    torch.manual_seed(0)
    peer = HuggingFaceDepthAnything()
    mixed = choose_placement(EngineSettings(device=settings.device))
    bout = _Bout(peer=peer, ours=with_the_same_weights(peer), mixed=mixed)
    batches = make_batches(CURVE_BATCHES, side_px=side_px, batch_size=batch_size, device=bout.mixed.device)
    curves = _curves(bout, batches * CURVE_PASSES)
    comparison, flops = _times(bout, batches[0], settings)
    rows = [ratio_row("", comparison, at_least=GOAL), *agreement_rows(curves), *_speed_rows(comparison, flops, bout.mixed)]
    return rows, {"ours_s": comparison.ours_s, "peer_s": comparison.peer_s, "losses": curves, "flops": flops}


def _curves(bout: _Bout, batches: Sequence[Batch]) -> dict[str, list[float]]:
    """Losses over the same steps: the peer, ours in float32, and ours as it is timed."""
    curves = {
        "peer": loss_curve(PlainLoop(bout.peer, bout.mixed.device), batches),
        "ours fp32": loss_curve(EngineLoop(bout.ours, Placement(device=bout.mixed.device)), batches),
    }
    if bout.mixed.autocast_dtype is not None:
        curves["ours bf16"] = loss_curve(EngineLoop(bout.ours, bout.mixed), batches)
    return curves


def _times(bout: _Bout, batch: Batch, settings: BenchmarkSettings) -> tuple[Comparison, int]:
    """Steps of both in turns, and the operations of one step."""
    peer = PlainLoop(bout.peer, bout.mixed.device)
    ours = EngineLoop(bout.ours, bout.mixed)
    flops = count_flops(peer, batch)
    comparison = compare(
        ours=lambda: ours.step(batch), peer=lambda: peer.step(batch), rounds=settings.rounds, least_s=settings.least_s
    )
    return comparison, flops


def agreement_rows(curves: dict[str, list[float]]) -> list[Row]:
    """How far our loss curves are from the peer's, at their worst step."""
    peer = curves["peer"]
    rows = []
    for name in curves.keys() - {"peer"}:
        gap, tolerance = largest_relative_gap(curves[name], peer), TOLERANCES[name]
        rows.append(
            Row(
                name=f"  loss curve, {name} against peer",
                value=100 * gap,
                unit="%",
                expected=f"at most {100 * tolerance:g}",
                met=gap <= tolerance,
                note=f"largest gap over {len(peer)} steps; the peer's loss goes {peer[0]:.4f} -> {peer[-1]:.4f}",
            )
        )
    return sorted(rows, key=lambda row: row.name, reverse=True)


def largest_relative_gap(values: Sequence[float], reference: Sequence[float]) -> float:
    """Largest |v - r| / |r|.

    >>> largest_relative_gap([1.0, 3.0], [1.0, 2.0])
    0.5
    """
    return max(abs(value - known) / abs(known) for value, known in zip(values, reference, strict=True))


def _speed_rows(comparison: Comparison, flops: int, mixed: Placement) -> list[Row]:
    """Seconds per step, and which share of the machine's best matrix product that is: a busy machine shows here."""
    sides = {
        "peer": (Spread.of(comparison.peer_s).median, torch.float32),
        "ours": (Spread.of(comparison.ours_s).median, mixed.autocast_dtype or torch.float32),
    }
    rows = []
    for side, (seconds, dtype) in sides.items():
        gflops, peak = flops / seconds / 1e9, matmul_peak_gflops(mixed.device, dtype)
        note = (
            f"{gflops:.0f} GFLOP/s, {gflops / peak:.0%} of a {str(dtype).removeprefix('torch.')} matrix product's {peak:.0f}"
        )
        rows.append(Row(name=f"  {side}: time per step", value=seconds, unit="s", note=note))
    return rows
