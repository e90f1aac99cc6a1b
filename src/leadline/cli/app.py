# SPDX-License-Identifier: Apache-2.0
"""``leadline app``: models enter; a page on this machine, where pictures become depth, is there until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import say, show_log, tell
from leadline.contracts.errors import require

DEFAULT_MODEL = "hf:depth-anything/Depth-Anything-V2-Small-hf"  # the best of those under a free licence that any CPU runs


@dataclass(frozen=True, kw_only=True, slots=True)
class AppArguments:
    """Open a page on this machine: drop a picture, see, measure, calibrate and take its depth away."""

    models: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[MODEL...]")] = (DEFAULT_MODEL,)
    """Run folders, checkpoint folders, weights files, exported files or hf: names; the page offers these and no others."""
    port: int = 7860
    """Of the loopback interface; no other machine can reach the page."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness; auto takes bf16 where the hardware has units for it."""
    runtime: Literal["auto", "torch", "onnx", "openvino"] = "auto"
    """What runs the network, as for leadline predict."""
    architecture: str | None = None
    """The network of bare weights files that do not say, e.g. depth-anything-v2-small."""
    max_file_mb: int = 100
    """Largest file the page takes, in millions of bytes."""
    max_megapixels: float = 50.0
    """Largest picture the page takes, in millions of pixels; at most 200."""
    time_limit: float = 300.0
    """Seconds after which a tiled prediction is given up."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(AppArguments, argv, prog="leadline app").value)


def run(arguments: AppArguments) -> int:
    """Serve until Ctrl-C, which is the way to end it and so gives 0, or SIGTERM, which gives 143."""
    show_log()
    require(0 < arguments.port < 65536, "--port between 1 and 65535", arguments.port, "leave it out")

    from leadline.training.signals import EXIT_TERMINATED
    from leadline.web.limits import Limits
    from leadline.web.server import require_gradio, serve
    from leadline.web.shelf import Loading, Shelf

    limits = Limits(file_mb=arguments.max_file_mb, megapixels=arguments.max_megapixels, time_s=arguments.time_limit)
    require_gradio()
    loading = Loading(
        device=arguments.device,
        precision=arguments.precision,
        architecture=arguments.architecture,
        runtime=arguments.runtime,
    )
    shelf = Shelf(arguments.models or (DEFAULT_MODEL,), loading)
    shelf.predictor(shelf.names[0])  # a mistake in it is told here, not on the page
    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        serve(shelf, limits, port=arguments.port, on_ready=_say, stop=stop)
    except KeyboardInterrupt:
        tell("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)
    return EXIT_TERMINATED if stop.is_set() else 0


def _say(address: str) -> None:
    say(f"{address} (Ctrl-C ends it)")
