# SPDX-License-Identifier: Apache-2.0
"""Sizes enter; how fast and small SIGReg is beside the code one writes first, and what views in one forward save, leave.

The code one writes first holds a cosine and a sine for every sample, slice and knot, and has autograd keep them.  Both draw
their directions in every call, as training does.  Memory is the peak of a process of its own above what it held before.
The step of ViT-S is forward and backward of the bare network, without decoder and optimiser: a real one takes longer.
Expected: at least 2x, at most a quarter of the memory, values and gradients equal to 1e-5, at most 5 % of the step; views of
one size in one forward at least 1.5x of one forward for each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import timm
import torch
from torch import Tensor, nn

from leadline.benchmarks.machine import synchronise, this_machine
from leadline.benchmarks.measurement import Comparison, Spread, compare
from leadline.benchmarks.memory import peak_resident
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.report import Report, Row, ratio_row, spread_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.losses.sigreg import DEFAULT, directions, sigreg
from leadline.training.placement import Placement, choose_placement
from leadline.training.settings import EngineSettings

SPEED_GOAL, MEMORY_GOAL, AGREEMENT_GOAL, SHARE_GOAL_PERCENT, VIEWS_GOAL = 2.0, 0.25, 1e-5, 5.0, 1.5
SAMPLES, DIMENSION = 512, 512
SIDES_PX = (224,)
VIEWS, VIEW_PX = 8, 96  # the paper's local views
_MIB = 2**20
_STEP_ROUNDS = 3  # a step takes seconds on a CPU, and is so much longer than the loss that noise decides nothing

Way = Literal["leadline", "straightforward"]


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark.

    Raises:
        UsageError: the device does not exist here.
    """
    placement = choose_placement(EngineSettings(device=settings.device))
    batch_size = settings.batch_size or (32 if placement.device.type == "cpu" else 128)
    views_each = settings.batch_size or (2 if placement.device.type == "cpu" else 16)
    embeddings = normal(SAMPLES, device=placement.device)
    speed = compare(
        ours=lambda: descend("leadline", embeddings),
        peer=lambda: descend("straightforward", embeddings),
        rounds=settings.rounds,
        least_s=settings.least_s,
    )
    peaks = [in_fresh_process("thrifty", peak_of, (way, str(placement.device))) for way in ("leadline", "straightforward")]
    name = f"SIGReg, N {SAMPLES}, D {DIMENSION}, {DEFAULT.slices} slices, {DEFAULT.knots} knots"
    rows = [
        *agreement_rows(embeddings),
        ratio_row(f"{name}: straightforward over ours", speed, at_least=SPEED_GOAL),
        spread_row("  ours", Spread.of([1000 * one for one in speed.ours_s]), unit="ms"),
        *memory_rows(*peaks),
    ]
    shares = {side: step_share(side, batch_size, placement, settings) for side in settings.sides_px or SIDES_PX}
    for side, share in shares.items():
        rows += share_rows(f"SIGReg over a step of ViT-S, {side}x{side}, batch {batch_size}", share)
    views = views_together(views_each, placement, settings)
    views_name = f"ViT-S, {VIEWS} views of {VIEW_PX}x{VIEW_PX}, batch {views_each}: one by one over together"
    notes = (
        f"straightforward: N x slices x knots at once; {settings.rounds} rounds in turns, float32, forward and backward",
        f"step: forward and backward of the bare ViT-S on {batch_size} pictures, SIGReg of as many embeddings; with more "
        "pictures its share falls, since its directions cost the same for any number",
    )
    raw = {
        "speed": timings(speed),
        "views": timings(views),
        **{f"step_{side}": timings(one) for side, one in shares.items()},
    }
    rows.append(ratio_row(views_name, views, at_least=VIEWS_GOAL))
    return Report(name="sigreg", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def straightforward(embeddings_ND: Tensor, *, step: int) -> Tensor:
    """SIGReg with its default settings as one writes it first, by torch's own operations: (N,D) float32 -> ()."""
    knots_K = torch.linspace(0, DEFAULT.t_max, DEFAULT.knots, device=embeddings_ND.device)
    target_K = torch.exp(-(knots_K**2) / 2)
    weights_K = torch.full_like(knots_K, 2 * DEFAULT.t_max / (DEFAULT.knots - 1))
    weights_K[[0, -1]] /= 2
    projected_NM = embeddings_ND @ directions(embeddings_ND.shape[1], DEFAULT, step=step, device=embeddings_ND.device)
    angles_NMK = projected_NM[..., None] * knots_K
    error_MK = (angles_NMK.cos().mean(0) - target_K) ** 2 + angles_NMK.sin().mean(0) ** 2
    return (error_MK @ (weights_K * target_K)).mean() * len(embeddings_ND)


def descend(way: Way, embeddings_ND: Tensor) -> tuple[Tensor, Tensor]:
    """Value () and gradient (N,D) of (N,D) float32 embeddings, waited for."""
    loss: Callable[..., Tensor] = sigreg if way == "leadline" else straightforward
    leaf = embeddings_ND.detach().requires_grad_()
    value = loss(leaf, step=0)
    (gradient,) = torch.autograd.grad(value, leaf)
    synchronise(embeddings_ND.device)
    return value.detach(), gradient


def normal(samples: int, *, device: torch.device) -> Tensor:
    """Embeddings (N,D) that are normal, but a little too narrow; always the same."""
    return (0.7 * torch.randn(samples, DIMENSION, generator=torch.Generator().manual_seed(0))).to(device)


def agreement_rows(embeddings_ND: Tensor) -> list[Row]:
    """How far values and gradients of both ways are apart, relative to the largest number."""
    pairs = zip(descend("leadline", embeddings_ND), descend("straightforward", embeddings_ND), strict=True)
    rows = []
    for name, (ours, theirs) in zip(("value", "gradient"), pairs, strict=True):
        apart = float((ours - theirs).abs().max() / theirs.abs().max())
        expected = f"at most {AGREEMENT_GOAL:g}"
        rows.append(Row(name=f"{name}: difference", value=apart, unit="", expected=expected, met=apart <= AGREEMENT_GOAL))
    return rows


def peak_of(arguments: tuple[Way, str]) -> int:
    """Bytes that forward and backward take at their worst, above what was held before; call it in a fresh process."""
    way, device = arguments[0], torch.device(arguments[1])
    embeddings = normal(SAMPLES, device=device)
    descend(way, embeddings[:8])  # libraries that are loaded with the first call are nobody's memory
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        descend(way, embeddings)
        return torch.cuda.max_memory_allocated(device) - before
    forget_peak()
    before = peak_resident()
    descend(way, embeddings)
    return peak_resident() - before


def forget_peak() -> None:
    """Let this process' peak be what it holds now, where the system can (Linux, man proc_pid_clear_refs)."""
    control = Path("/proc/self/clear_refs")
    if control.exists():
        control.write_text("5", encoding="ascii")


def memory_rows(ours: int, theirs: int) -> list[Row]:
    """Two peaks in bytes, beside one another."""
    ratio = ours / theirs
    expected = f"at most {MEMORY_GOAL:g}"
    return [
        Row(name="  memory: ours over straightforward", value=ratio, unit="x", expected=expected, met=ratio <= MEMORY_GOAL),
        Row(name="  ours", value=ours / _MIB, unit="MiB"),
        Row(name="  straightforward", value=theirs / _MIB, unit="MiB"),
    ]


def vit_small(side_px: int, placement: Placement) -> nn.Module:
    """A bare ViT-S/16, untrained: pictures (B,3,side,side) -> (B,384)."""
    torch.manual_seed(0)
    network: nn.Module = timm.create_model("vit_small_patch16_224", pretrained=False, num_classes=0, img_size=side_px)
    return network.to(placement.device).train()


def pass_both_ways(network: nn.Module, batches: list[Tensor], placement: Placement) -> None:
    """One forward for each batch (B,3,S,S), one backward for all, waited for."""
    with placement.autocast():
        embeddings = torch.cat([network(batch) for batch in batches])
    loss: Tensor = embeddings.float().square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    network.zero_grad()
    synchronise(placement.device)


def step_share(side_px: int, batch_size: int, placement: Placement, settings: BenchmarkSettings) -> Comparison:
    """SIGReg of a batch, as ours, and the network's own work on it, as the peer."""
    network = vit_small(side_px, placement)
    pictures = torch.rand(batch_size, 3, side_px, side_px, device=placement.device)
    embeddings = normal(batch_size, device=placement.device)
    return compare(
        ours=lambda: descend("leadline", embeddings),
        peer=lambda: pass_both_ways(network, [pictures], placement),
        rounds=min(settings.rounds, _STEP_ROUNDS),
        least_s=settings.least_s,
    )


def share_rows(name: str, found: Comparison) -> list[Row]:
    """The loss in percent of the step."""
    ratio = found.ratio
    share = 100 / ratio.median
    spread = (100 / ratio.upper_quartile, 100 / ratio.lower_quartile)
    expected = f"at most {SHARE_GOAL_PERCENT:g}"
    return [
        Row(name=name, value=share, unit="%", spread=spread, expected=expected, met=share <= SHARE_GOAL_PERCENT),
        spread_row("  the step", Spread.of([1000 * one for one in found.peer_s]), unit="ms"),
    ]


def views_together(batch_size: int, placement: Placement, settings: BenchmarkSettings) -> Comparison:
    """All views in one forward, and, as the peer, one forward for each."""
    network = vit_small(VIEW_PX, placement)
    views = list(torch.rand(VIEWS, batch_size, 3, VIEW_PX, VIEW_PX, device=placement.device))
    return compare(
        ours=lambda: pass_both_ways(network, [torch.cat(views)], placement),
        peer=lambda: pass_both_ways(network, views, placement),
        rounds=settings.rounds,
        least_s=settings.least_s,
    )


def timings(found: Comparison) -> dict[str, tuple[float, ...]]:
    """Every single measurement, in s."""
    return {"ours_s": found.ours_s, "peer_s": found.peer_s}
