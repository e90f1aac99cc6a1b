# SPDX-License-Identifier: Apache-2.0
"""``leadline label``: a model and pictures in bulk enter; labels in shards, each with its manifest, leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import notices, say, show_log, tell
from leadline.cli.model_argument import ServedModel

if TYPE_CHECKING:
    from leadline.labelling.board import LabelProgress, LabelSummary

_SAY_EVERY_S = 30.0  # where nobody watches a bar: in the logs of a cluster


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelArguments:
    """Label pictures in bulk.  Killed or stopped at any moment, the same command goes on with what is missing."""

    model: ServedModel
    images: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="IMAGES")]
    """A folder of pictures, a folder of tars of pictures (as SA-1B is delivered), or one tar."""
    out: Path
    """Folder for labels.json and, per shard, a .tar of labels and a .jsonl that describes them."""
    dtype: Literal["uint16", "fp16"] = "uint16"
    """16-bit PNG with scale and offset for each label, or float16 arrays."""
    store: Literal["network", "picture"] = "network"
    """Labels at the size the network sees, which cover the whole picture, or enlarged to the picture's own."""
    tta: Literal["none", "flip"] = "none"
    """Look again at each picture mirrored left to right, and average."""
    min_valid: float = 0.0
    """Drop labels with a smaller share of valid pixels; their manifest lines stay, without a label, and say why."""
    drop_dead: bool = False
    """Drop labels that are one value everywhere, in the same way; they are flagged in any case."""
    on_unreadable: Literal["stop", "skip"] = "skip"
    """At an unreadable picture: stop, or name it in the manifest with the reason and go on."""
    pictures_per_shard: int = 1000
    """Pictures of a folder in one shard, which is what a crash can cost; a tar is one shard."""
    executor: Literal["local", "ray", "rank"] = "local"
    """local: processes on this machine; ray: a Ray cluster; rank: this process takes its share of the shards by its number
    in a SLURM array, srun or torchrun.  All write the same bytes."""
    workers: int = 0
    """Processes of the local executor; 0: one per GPU, or per --threads cores."""
    address: str | None = None
    """Of a Ray cluster, e.g. auto or 10.0.0.1:6379; left out, one is begun on this machine."""
    runtime: Literal["torch", "onnx", "openvino"] = "torch"
    """What runs the network; there is no auto, because machines would choose differently."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness; auto takes bf16 where the hardware has units for it."""
    architecture: str | None = None
    """The network of a bare weights file that does not say, e.g. depth-anything-v2-small."""
    input_size: int | None = None
    """Shorter side in pixels at which the network sees pictures; its own where left out."""
    batch_size: int = 1
    """Pictures in memory together; those of one size go through the network together, which pays on a GPU."""
    threads: int = 1
    """Threads of torch in each worker; labels of another number may differ in their last bits."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(LabelArguments, argv, prog="leadline label").value)


def run(arguments: LabelArguments) -> int:
    """Label everything that is not labelled yet."""
    show_log()
    from leadline.labelling.request import LabelRequest
    from leadline.labelling.run import label

    names = [field.name for field in fields(LabelArguments)]
    request = LabelRequest(**{name: getattr(arguments, name) for name in names})
    with _shown() as on_progress:
        summary = label(request, on_progress)
    say(line_of(summary, arguments.out))
    return 0


def line_of(summary: LabelSummary, out: Path) -> str:
    """The result in one line."""
    parts = [f"{summary.labels} labels of {summary.pictures} pictures in {summary.shards} shards"]
    parts += [f"{summary.already_done} of the shards done before"] if summary.already_done else []
    for count, what in (
        (summary.dropped, "dropped by filters"),
        (summary.unreadable, "unreadable"),
        (summary.dead, "dead predictions"),
        (summary.all_sky, "all sky"),
    ):
        parts += [f"{count} {what}"] if count else []
    return f"{', '.join(parts)}; {summary.per_second:.1f} images/s: {out}"


def progress_line(now: LabelProgress) -> str:
    """Where a job stands, in one line."""
    left = "" if now.remaining_s is None else f", {_clock(now.remaining_s)} left"
    return f"{now.shards_done} of {now.shards} shards, {now.pictures} pictures, {now.per_second:.1f} images/s{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


@contextmanager
def _shown() -> Iterator[Callable[[LabelProgress], None]]:
    """A living line on a terminal; elsewhere a line now and then."""
    console = notices()
    if not console.is_terminal:
        told_s = time.monotonic()

        def now_and_then(now: LabelProgress) -> None:
            nonlocal told_s
            if time.monotonic() - told_s >= _SAY_EVERY_S:
                told_s = time.monotonic()
                tell(progress_line(now))

        yield now_and_then
        return
    with console.status("opening the model") as status:
        yield lambda now: status.update(progress_line(now))
