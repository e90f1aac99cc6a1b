# SPDX-License-Identifier: Apache-2.0
"""Sides enter; how much faster each of our runtimes is than transformers on the same network leaves, agreement stated first.

ViT-S, batch 1, on the CPU, both holding the same weights and seeing the same picture.  The peer is transformers as one gets
it: eager, float32.  Expected: at least 4x in bf16 with a mean change of at most 0.2 % of the map's range, at least 2.3x in
float32 with at most 1e-4; and a folder of pictures, decoded, predicted and saved, at 90 % of the network's own pace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from leadline.benchmarks.folder import folder_rows
from leadline.benchmarks.hugging_face import HuggingFaceDepthAnything, with_the_same_weights
from leadline.benchmarks.machine import matmul_peak_gflops, this_machine
from leadline.benchmarks.measurement import Comparison, Spread, compare
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.report import Report, Row, ratio_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.errors import UsageError
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.extras import is_installed
from leadline.inference.runtimes.served_predictor import ServedPredictor
from leadline.inference.runtimes.sessions import RuntimeName, RuntimePrecision
from leadline.inference.runtimes.trial import PACKAGES
from leadline.models.depth_model import DepthModel

SIDES_PX = (518,)
GOALS: dict[RuntimePrecision, float] = {"bf16": 4.0, "fp32": 2.3}
PEAK_GOAL = 0.85
# Largest differences from transformers that may pass, as shares of the range of its map: mean, and 99th percentile.
AGREEMENT: dict[RuntimePrecision, tuple[float, float]] = {"bf16": (2e-3, 1e-2), "fp32": (1e-5, 1e-4)}
_DTYPES: dict[RuntimePrecision, torch.dtype] = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One way to run our network."""

    runtime: Literal["torch", RuntimeName]
    precision: RuntimePrecision

    @property
    def name(self) -> str:
        """As rows call it."""
        return f"{self.runtime} {self.precision}"


# The last of each precision is judged against the goal: it is what --runtime auto takes.
CONTENDERS = (
    Contender(runtime="torch", precision="fp32"),
    Contender(runtime="onnx", precision="fp32"),
    Contender(runtime="openvino", precision="fp32"),
    Contender(runtime="torch", precision="bf16"),
    Contender(runtime="openvino", precision="bf16"),
)


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark in a plain process of its own, with torch's defaults, as transformers is usually run.

    Raises:
        MissingExtraError: transformers is not installed.
        UsageError: another device than the CPU.
    """
    if settings.device not in ("auto", "cpu"):
        raise UsageError(expected="--device cpu", got=settings.device, remedy="this benchmark compares runtimes of the CPU")
    HuggingFaceDepthAnything()  # refuse what is missing here, not in a child
    rows: list[Row] = []
    raw: dict[str, object] = {}
    for side_px in settings.sides_px or SIDES_PX:
        side_rows, raw[str(side_px)] = in_fresh_process("plain", _one_side, (settings, side_px))
        rows += side_rows
    notes = (
        f"peer: transformers, float32, eager, batch 1; {settings.rounds} rounds of peer - ours - peer; median [quartiles]",
        "differences are shares of the range (greatest - least) of the peer's map; weights are random, the same in both",
        "share of peak: operations our network needs (not the peer's, which are more) per second, over torch's best matrix "
        "product of that precision in this run",
        *(f"{runtime} is left out: the package {package} is not installed" for runtime, package in _missing().items()),
    )
    return Report(name="inference", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def _missing() -> dict[RuntimeName, str]:
    return {runtime: package for runtime, package in PACKAGES.items() if not is_installed(package)}


def _one_side(arguments: tuple[BenchmarkSettings, int]) -> tuple[list[Row], dict[str, object]]:
    """Rows and raw numbers of one size, in this process."""
    settings, side_px = arguments
    torch.manual_seed(0)
    peer = HuggingFaceDepthAnything().eval()
    ours = with_the_same_weights(peer).eval()
    image = example(side_px)
    with torch.inference_mode():
        expected = peer(image)
    missing = _missing()
    agreement, speed, raw = [], [], dict[str, object]()
    fastest: Predictor | None = None
    for contender in CONTENDERS:
        if contender.runtime in missing:
            continue
        predictor = predictor_of(ours, contender)
        agreement.append(agreement_row(contender, predictor.run_network(image)[0], expected))
        comparison = compare(
            ours=_passes(predictor, image), peer=_peer_passes(peer, image), rounds=settings.rounds, least_s=settings.least_s
        )
        speed += speed_rows(contender, comparison, count_flops(ours, image), side_px)
        raw[contender.name] = {"ours_s": comparison.ours_s, "peer_s": comparison.peer_s}
        fastest = predictor
    folder = folder_rows(fastest, rounds=settings.rounds) if fastest is not None else []
    return [*agreement, *speed, *folder], raw


def example(side_px: int) -> Tensor:
    """(1, 3, side, side) float32: smooth colours with a little noise, in the range of normalised pictures, about -2 to 2."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 9, 9, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (side_px, side_px), mode="bicubic", align_corners=False)
    return 4 * smooth - 2 + 0.1 * torch.rand(1, 3, side_px, side_px, generator=generator)


def predictor_of(model: DepthModel, contender: Contender) -> Predictor:
    """The model behind the contender's runtime, on the CPU."""
    plain = Predictor(model, device="cpu", precision=contender.precision)
    if contender.runtime == "torch":
        return plain
    return ServedPredictor(plain, contender.runtime, contender.precision)


def _passes(predictor: Predictor, image: Tensor) -> Callable[[], object]:
    return lambda: predictor.run_network(image)


def _peer_passes(peer: HuggingFaceDepthAnything, image: Tensor) -> Callable[[], object]:
    @torch.inference_mode()
    def once() -> Tensor:
        return peer(image)  # type: ignore[no-any-return]

    return once


def agreement_row(contender: Contender, depth: Tensor, expected: Tensor) -> Row:
    """How far a contender's map (B,H,W) is from the peer's, in metres both, as shares of the range of the peer's."""
    shares = ((depth - expected).abs() / (expected.max() - expected.min())).flatten()
    mean, p99 = float(shares.mean()), float(shares.kthvalue(int(0.99 * (len(shares) - 1)) + 1).values)
    mean_goal, p99_goal = AGREEMENT[contender.precision]
    return Row(
        name=f"difference from the peer, {contender.name}",
        value=100 * mean,
        unit="%",
        expected=f"mean at most {100 * mean_goal:g} %, 99th percentile {100 * p99_goal:g} %",
        met=mean <= mean_goal and p99 <= p99_goal,
        note=f"mean; 99th percentile {100 * p99:.2g} %, greatest {100 * float(shares.max()):.2g} %",
    )


def speed_rows(contender: Contender, comparison: Comparison, flops: int, side_px: int) -> list[Row]:
    """The ratio, and the share of the machine's matrix product; a goal stands where --runtime auto would be."""
    judged = contender in (CONTENDERS[-1], CONTENDERS[2])
    name = f"one picture, {side_px}x{side_px}, {contender.name}"
    ratio = comparison.ratio
    row = ratio_row(name, comparison, at_least=GOALS[contender.precision])
    if not judged:
        row = Row(
            name=name, value=ratio.median, unit="x", spread=(ratio.lower_quartile, ratio.upper_quartile), note=row.note
        )
    seconds = Spread.of(comparison.ours_s).median
    gflops = flops / seconds / 1e9
    peak = matmul_peak_gflops(torch.device("cpu"), _DTYPES[contender.precision])
    is_goal = judged and contender.precision == "bf16"
    share = Row(
        name="  share of a matrix product's speed",
        value=100 * gflops / peak,
        unit="%",
        expected=f"at least {100 * PEAK_GOAL:g}" if is_goal else "",
        met=gflops >= PEAK_GOAL * peak if is_goal else None,
        note=f"{1000 * seconds:.0f} ms, the peer {1000 * Spread.of(comparison.peer_s).median:.0f}; "
        f"{gflops:.0f} of {peak:.0f} GFLOP/s",
    )
    return [row, share]


def count_flops(model: DepthModel, image: Tensor) -> int:
    """Operations of our network's matrix products, convolutions and attention on images (B,3,H,W)."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(image)
    return int(counter.get_total_flops())
