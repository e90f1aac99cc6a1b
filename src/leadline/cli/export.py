# SPDX-License-Identifier: Apache-2.0
"""``leadline export``: a model enters; a portable file that gives the same depth, or its weights for others, leave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leadline.cli.arguments import parse
from leadline.cli.console import say, show_log, tell
from leadline.cli.model_argument import Model
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.export.certificate import Check
    from leadline.export.export import Exported
    from leadline.models.weight_writers import Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportArguments:
    """Take a model away: as one verified file from 8-bit RGB pictures to depth at their size, or as weights."""

    model: Model
    to: Literal["onnx", "openvino", "official", "hugging-face", "leadline"]
    """onnx writes FILE.onnx, openvino FILE.xml and FILE.bin.  Weights alone: official writes FILE.safetensors or FILE.pth
    with the names of the model's own project, hugging-face a folder for transformers, leadline a checkpoint folder."""
    out: Path
    """The file or folder to write; the certificate of onnx and openvino lies beside it."""
    static: str | None = None
    """HxW in pixels: pictures of this one size only; by default any size."""
    precision: Literal["fp32", "fp16"] = "fp32"
    """Of the stored weights; fp16 halves the file and is held to looser bounds, arithmetic stays float32."""
    verify_on: Path | None = None
    """A folder of your own pictures, eight of which are verified too."""
    architecture: str | None = None
    """The network of a bare weights file that does not say, e.g. depth-anything-v2-small."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(ExportArguments, argv, prog="leadline export").value)


def run(arguments: ExportArguments) -> int:
    """Export, verify, and say how well the file agrees."""
    show_log()
    size_px = parse_size(arguments.static)
    if arguments.to != "onnx" and arguments.to != "openvino":
        return write_alone(arguments, arguments.to)

    from leadline.export.export import ExportSettings, export
    from leadline.inference.predictor import load

    settings = ExportSettings(to=arguments.to, size_px=size_px, precision=arguments.precision, verify_on=arguments.verify_on)
    predictor = load(arguments.model, device="cpu", precision="fp32", architecture=arguments.architecture)
    conclude(export(predictor, arguments.out, settings, on_check=_say), arguments)
    return 0


def write_alone(arguments: ExportArguments, layout: Layout) -> int:
    """Write the weights as others read them, exactly; 0.

    Raises:
        UsageError: a flag that only graphs have, or a layout with no words for this model.
        WeightsError, StorageError: the model cannot be read, or the path not written.
    """
    graph_only = {"--static": arguments.static, "--verify-on": arguments.verify_on}
    given = [flag for flag, value in graph_only.items() if value is not None]
    if given or arguments.precision != "fp32":
        raise UsageError(
            expected=f"--to onnx or openvino beside {(*given, '--precision')[0]}",
            got=f"--to {layout}",
            remedy="leave it out: weights are written exactly as they are",
        )
    from leadline.models.weight_writers import write_weights
    from leadline.models.weights import load_model

    write_weights(load_model(arguments.model, architecture=arguments.architecture), arguments.out, layout=layout)
    say(f"{arguments.out}: the weights of {arguments.model}, layout {layout}")
    return 0


def parse_size(text: str | None) -> tuple[int, int] | None:
    """``"480x640"`` -> (480, 640), height first.

    Raises:
        UsageError: anything else.

    >>> parse_size("480x640")
    (480, 640)
    """
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)
    if found is None:
        raise UsageError(expected="--static HEIGHTxWIDTH in pixels", got=text, remedy="e.g. --static 480x640")
    return int(found[1]), int(found[2])


def conclude(exported: Exported, arguments: ExportArguments) -> None:
    """Where the file is, and how far it is from the model at most."""
    worst = max(check.max_difference for check in exported.checks)
    mean = sum(check.mean_difference for check in exported.checks) / len(exported.checks)
    line = (
        f"{exported.file}: {len(exported.checks)} checks passed, at most {worst:.1e} and on average {mean:.1e} of the map's "
        f"range from the model; {exported.certificate.name} says more; try leadline predict {arguments.out}"
    )
    say(line)


def _say(check: Check) -> None:
    height, width = check.size_px
    line = f"{check.picture} {height}x{width} by {check.runtime}: at most {check.max_difference:.1e} of the range"
    tell(line)
