# SPDX-License-Identifier: Apache-2.0
"""``leadline predict``: a model and pictures enter; depth files with a description beside each leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import tyro

from leadline.cli.arguments import parse
from leadline.cli.console import notices, output, progress, show_log
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.inference.outputs import OutputFormat
    from leadline.inference.predict_files import PredictionSettings, PredictionSummary, PredictsByNetwork


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictArguments:
    """Predict the depth of pictures, each at its own size."""

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """A run folder, a checkpoint folder, or a weights file (.safetensors .pth .pt .npz)."""
    inputs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="INPUT...")]
    """Pictures, and folders of pictures, which are searched through."""
    out: Path
    """Folder for the results; sub-folders of an input folder are kept."""
    save: str = "npy,color"
    """What to write beside the JSON, with commas between: npy, png16, exr, pfm, ply, color."""
    fov: float | None = None
    """Horizontal field of view of the pictures in degrees, for ply; without a camera one is assumed."""
    intrinsics: tuple[float, float, float, float] | None = None
    """fx fy cx cy of the pictures in pixels, pixel centres at +0.5, for ply."""
    tile: str = "auto"
    """off: the whole picture at once; auto means the same in this version."""
    runtime: str = "auto"
    """torch; auto means the same in this version."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness; auto takes bf16 where the hardware has units for it."""
    architecture: str | None = None
    """The network of a bare weights file that does not say, e.g. depth-anything-v2-small."""
    batch_size: int = 4
    """Pictures held in memory and, where of one size, predicted together."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """At an unreadable picture: stop, or count and name it and go on."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(PredictArguments, argv, prog="leadline predict").value)


def run(arguments: PredictArguments) -> int:
    """Predict every input."""
    show_log()
    check(arguments)

    from leadline.inference.inputs import collect_inputs
    from leadline.inference.predict_files import predict_files
    from leadline.inference.predictor import load

    inputs = collect_inputs(arguments.inputs)
    predictor: PredictsByNetwork = load(
        arguments.model, device=arguments.device, precision=arguments.precision, architecture=arguments.architecture
    )
    if arguments.fov is not None:
        from leadline.cli.field_of_view import WithFieldOfView

        predictor = WithFieldOfView(predictor, arguments.fov)
    with progress("predicting", total=len(inputs.pictures)) as advance:
        summary = predict_files(
            predictor, inputs, arguments.out, settings(arguments), on_progress=lambda done, _: advance(done)
        )
    conclude(summary, arguments)
    return 0


def check(arguments: PredictArguments) -> None:
    """Refuse what this version cannot do, before the model is loaded.

    Raises:
        UsageError: a tiling or runtime there is not; an impossible camera.
    """
    if arguments.tile not in ("auto", "off"):
        raise UsageError(
            expected="--tile auto or off", got=arguments.tile, remedy="this version predicts whole pictures only"
        )
    if arguments.runtime not in ("auto", "torch"):
        raise UsageError(expected="--runtime auto or torch", got=arguments.runtime, remedy="this version runs on torch only")
    if arguments.fov is not None and arguments.intrinsics is not None:
        raise UsageError(expected="--fov or --intrinsics", got="both", remedy="leave one out")
    if arguments.fov is not None and not 0 < arguments.fov < 180:
        raise UsageError(expected="--fov between 0 and 180 degrees", got=f"{arguments.fov:g}", remedy="e.g. --fov 60")
    if arguments.intrinsics is not None and min(arguments.intrinsics[:2]) <= 0:
        got = f"{arguments.intrinsics[0]:g} and {arguments.intrinsics[1]:g}"
        raise UsageError(expected="focal lengths above 0 in --intrinsics", got=got, remedy="pass FX FY CX CY in pixels")


def settings(arguments: PredictArguments) -> PredictionSettings:
    """What ``inference.predict_files`` wants to know."""
    import torch

    from leadline.contracts.sample import Camera
    from leadline.inference.predict_files import PredictionSettings

    camera = None
    if arguments.intrinsics is not None:
        fx, fy, cx, cy = arguments.intrinsics
        camera = Camera(matrix=torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]))
    names = [name.strip() for name in arguments.save.split(",") if name.strip()]
    return PredictionSettings(
        formats=cast("tuple[OutputFormat, ...]", tuple(names)),  # predict_files checks them, with the model's kind
        batch_size=arguments.batch_size,
        on_unreadable=arguments.on_unreadable,
        camera=camera,
    )


def conclude(summary: PredictionSummary, arguments: PredictArguments) -> None:
    """Say what was done, and by name what was not."""
    for path, reason in summary.skipped:
        notices().print(f"skipped {path}: {reason}", highlight=False, markup=False)
    automatic = {"--tile auto": "whole pictures", "--runtime auto": "torch"}
    chosen = [f"{flag} is {value}" for flag, value in automatic.items() if getattr(arguments, flag[2:-5]) == "auto"]
    if chosen:
        notices().print(", ".join(chosen), highlight=False, markup=False)
    ignored = f", {summary.ignored} files that are no pictures ignored" if summary.ignored else ""
    line = f"{summary.predicted} predicted, {len(summary.skipped)} skipped{ignored}: {arguments.out}"
    output().print(line, highlight=False, markup=False)
