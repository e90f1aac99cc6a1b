# SPDX-License-Identifier: Apache-2.0
"""``leadline demo``: nothing enters; a small model trained here and now, its report, and its predictions leave."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.cli.arguments import parse
from leadline.cli.console import progress, say, show_log
from leadline.cli.toml_defaults import read_toml_defaults
from leadline.recipes.metric.config import MetricConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leadline.recipes.supervised.report import Report

HELD_OUT_FRAMES = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoArguments:
    """Train the metric recipe on procedural scenes, evaluate it on others, predict, and write report.html with pictures."""

    out: Path = Path("demo")
    """Folder for the run, the report and the predictions."""
    epochs: int | None = None
    """Epochs instead of the configuration's; fewer are quicker and worse."""
    seed: int = 0
    """Everything random follows from it."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(DemoArguments, argv, prog="leadline demo").value)


def run(arguments: DemoArguments) -> int:
    """Train, report, predict, and say where everything lies."""
    show_log()
    values = read_toml_defaults(MetricConfig, "demo")
    config = dataclasses.replace(
        MetricConfig(**values), save_dir=arguments.out, log_dir=arguments.out / "tensorboard", seed=arguments.seed
    )
    if arguments.epochs is not None:
        config = dataclasses.replace(config, num_epochs=arguments.epochs)
    sources = {**dict.fromkeys(values, "config demo"), "save_dir": "flag", "seed": "flag"}

    from rich.console import Console

    from leadline.recipes.metric.run import train_metric
    from leadline.recipes.supervised.run import Start
    from leadline.training.display import choose_display  # brings torch; --help must not

    report = train_metric(config, Start(sources=sources, display=choose_display(Console(stderr=True))))
    _predict(config)
    if report is not None:
        _conclude(report, arguments.out)
    return 0


def _predict(config: MetricConfig) -> None:
    """Write a few held-out frames as PNG files and predict them as anyone's pictures would be."""
    from leadline.data.procedural.scenes import DEFAULT_KINDS, ProceduralScenes
    from leadline.inference.inputs import collect_inputs
    from leadline.inference.predict_files import PredictionSettings, predict_files
    from leadline.inference.predictor import load
    from leadline.rasters.images import picture_from_tensor
    from leadline.rasters.panels import write_picture

    kinds: dict[str, float] = {kind: 1.0 for kind in config.procedural_kinds} or dict(DEFAULT_KINDS)
    frames = ProceduralScenes(count=HELD_OUT_FRAMES, seed=config.seed + 1, split="test", kinds=kinds)
    for index in range(len(frames)):
        write_picture(config.save_dir / "frames" / f"{frames.key(index)}.png", picture_from_tensor(frames[index].image))
    inputs = collect_inputs((config.save_dir / "frames",))
    settings = PredictionSettings(formats=("npy", "png16", "ply", "color"), batch_size=HELD_OUT_FRAMES)
    with progress("predicting", total=len(inputs.pictures)) as advance:
        predictor, folder = load(config.save_dir, device=config.device), config.save_dir / "predictions"
        predict_files(predictor, inputs, folder, settings, on_progress=lambda done, _: advance(done))


def _conclude(report: Report, out: Path) -> None:
    scores = {"this model": report.result, **{f"guess: {name}": one for name, one in report.baselines.items()}}
    for name, result in scores.items():
        (low, high), delta1, abs_rel = result.intervals["delta1"], result.metrics["delta1"], result.metrics["abs_rel"]
        line = f"{name:<16} delta1 {delta1:.3f} ({low:.3f} to {high:.3f})   abs_rel {abs_rel:.3f}"
        say(line)
    say(f"report: {report.path}   predictions: {out / 'predictions'}")
