# SPDX-License-Identifier: Apache-2.0
"""A label job against its network alone, and two workers against one: shares of what could be reached leave.

Pictures are JPEG files of 480x640, labels 16-bit PNG in a tar; the network is ViT-S.  Every worker has one thread, so that
two workers on two cores could at best be twice as fast as one.  Expected: at least 90 % of the bare forward loop's pace, and
two workers at least 1.85 times one.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from leadline.benchmarks.folder import write_pictures
from leadline.benchmarks.machine import this_machine, usable_cores
from leadline.benchmarks.measurement import Spread
from leadline.benchmarks.processes import in_fresh_process
from leadline.benchmarks.report import Report, Row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.errors import UsageError
from leadline.data.label_folder import LabelJob
from leadline.data.picture_shards import PictureShard, picture_shards
from leadline.inference.pictures import as_picture
from leadline.inference.predictor import Predictor, load
from leadline.inference.preprocess import network_input
from leadline.labelling.job import begin_or_join
from leadline.labelling.labeller import Labeller
from leadline.labelling.request import LabelRequest
from leadline.labelling.shard import label_shard
from leadline.labelling.worker import Labelled
from leadline.labelling.worker import work as serve
from leadline.models.weights import load_model, save_model

PACE_GOAL = 0.9
WORKERS_GOAL = 1.85
MODEL = "random:depth-anything-v2-small"
SIDE_PX = 518
PICTURES = 4
"""Of one measurement against the bare loop."""
JOB_PICTURES = 8
"""Of one measurement of each number of workers, each picture a shard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is measured in a process of its own."""

    rounds: int
    side_px: int
    folder: Path


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark.

    Raises:
        UsageError: another device than the CPU.
    """
    if settings.device not in ("auto", "cpu"):
        raise UsageError(expected="--device cpu", got=settings.device, remedy="this benchmark shares out the cores of a CPU")
    side_px = (settings.sides_px or (SIDE_PX,))[0]
    with tempfile.TemporaryDirectory() as folder:
        work = Work(rounds=settings.rounds, side_px=side_px, folder=Path(folder))
        _prepare(work)
        pace = in_fresh_process("leadline", pace_shares, work)
        gains, jobs_s = worker_gains(work)
    rows = [
        _row(f"label job, {side_px} px, of the bare forward loop's pace", pace, PACE_GOAL, scale=100, unit="%"),
        _row("two workers against one", gains, WORKERS_GOAL, scale=1, unit="x"),
    ]
    notes = (
        f"ViT-S, one thread per worker, {usable_cores()} cores; {settings.rounds} rounds; decode, forward, PNG, hashes, tar "
        "and manifest against the forward passes alone",
        f"workers: {JOB_PICTURES} pictures, one to a shard, timed after the first picture of each",
    )
    raw = {"pace": pace, "workers": gains, "jobs_s": jobs_s}
    return Report(name="labelling", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


def pace_shares(work: Work) -> list[float]:
    """Seconds of the bare forward loop over those of ``label_shard`` on the same pictures, round by round, one thread."""
    request = _request(work, "pace", pictures_per_shard=PICTURES)
    labeller = Labeller(request)
    predictor = load(request.model, device="cpu", input_size=work.side_px)
    (shard, *_) = picture_shards(request.images, pictures_per_shard=PICTURES)
    job = begin_or_join(request, labeller.facts())
    loop = _bare_loop(predictor, [request.images / name for name, _ in shard.pictures()])
    loop()
    shares = []
    for _ in range(work.rounds):
        before_s = _seconds(loop)
        ours_s = _seconds(lambda: label_shard(labeller, shard, request, job))
        shares.append((before_s + _seconds(loop)) / 2 / ours_s)
    return shares


def worker_gains(work: Work) -> tuple[list[float], list[tuple[float, float]]]:
    """Seconds of one worker over those of two, round by round, and both."""
    jobs_s = [(job_s(work, 1, f"one{round_}"), job_s(work, 2, f"two{round_}")) for round_ in range(work.rounds)]
    return [one / two for one, two in jobs_s], jobs_s


def job_s(work: Work, workers: int, name: str) -> float:
    """Seconds in which so many workers of the local executor, their models open, label every shard."""
    request = _request(work, name, pictures_per_shard=1)
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    for number in range(workers):
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, request, number), daemon=True).start()
        pipes.append(ours)
    job, *_ = [begin_or_join(request, pipe.recv().facts) for pipe in pipes]
    shards = picture_shards(request.images, pictures_per_shard=1)
    _serve(pipes, shards[:workers], job)  # a worker's first picture is slow, and a job has thousands
    start = time.perf_counter()
    _serve(pipes, shards[-JOB_PICTURES:], job)
    seconds = time.perf_counter() - start
    for pipe in pipes:
        pipe.send(None)
    return seconds


def _serve(pipes: Sequence[Connection], shards: Sequence[PictureShard], job: LabelJob) -> None:
    """Hand out shards until all are done; each worker gets its first at once."""
    todo, busy = deque(shards), list(pipes)
    for pipe in pipes:
        pipe.send((todo.popleft(), job))
    while busy:
        ready = wait(busy)
        for pipe in [one for one in busy if one in ready]:
            if isinstance(pipe.recv(), Labelled):
                continue
            if todo:
                pipe.send((todo.popleft(), job))
            else:
                busy.remove(pipe)


def _prepare(work: Work) -> None:
    torch.manual_seed(0)
    save_model(work.folder / "model", load_model(MODEL))
    write_pictures(work.folder / "pictures", JOB_PICTURES + 2)


def _request(work: Work, out: str, *, pictures_per_shard: int) -> LabelRequest:
    return LabelRequest(
        model=str(work.folder / "model"),
        images=work.folder / "pictures",
        out=work.folder / out,
        pictures_per_shard=pictures_per_shard,
        device="cpu",
        input_size=work.side_px,
    )


def _bare_loop(predictor: Predictor, files: list[Path]) -> Callable[[], None]:
    images = [
        network_input(as_picture(file), predictor.preprocessing, predictor.model.normalisation)[None] for file in files
    ]

    def loop() -> None:
        for image in images:
            predictor.run_network(image)

    return loop


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _row(name: str, values: list[float], goal: float, *, scale: int, unit: str) -> Row:
    spread = Spread.of(values)
    return Row(
        name=name,
        value=scale * spread.median,
        unit=unit,
        spread=(scale * spread.lower_quartile, scale * spread.upper_quartile),
        expected=f"at least {scale * goal:g}",
        met=spread.median >= goal,
        note=f"range {scale * spread.least:.3g}-{scale * spread.greatest:.3g}",
    )
