# SPDX-License-Identifier: Apache-2.0
"""What a finished run is worth: its best model is scored by the dataset's protocol beside two naive guesses.

A run folder enters; ``report.html`` and ``evaluation.json`` of the first dataset leave, and ``evaluation_NAME.json`` of the
others.  For procedural scenes the score is on the split ``test``, by which nothing was chosen; for files it is on the
held-out ``val`` part, by which the best epoch was chosen too, and the report says so.
"""

from __future__ import annotations

import dataclasses
import logging
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS
from leadline.data.subset import EvenSubset
from leadline.evaluation.baselines import naive_guesses
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.protocol import UnscorableError
from leadline.evaluation.report import ReportContents, write_report
from leadline.evaluation.report_pictures import ReportPicture, compared_pictures
from leadline.evaluation.results import EvaluationResult, write_json
from leadline.geometry.alignment import alignment_for
from leadline.inference.predictor import Predictor, load
from leadline.recipes.supervised.data import (
    dataset_request,
    has_depth,
    held_out,
    knows_metres,
    open_part,
    stated_in_metres,
    training_names,
    validation_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leadline.contracts.depth_map import DepthKind
    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset
    from leadline.evaluation.baselines import NaiveGuess
    from leadline.evaluation.protocol import Protocol
    from leadline.recipes.supervised.data_config import DataConfig
    from leadline.training.engine import TrainSummary

logger = logging.getLogger(__name__)

GUESSED_FROM = 200
"""Training pictures that the naive guesses are made from."""
SHOWN = 6
"""Rows of pictures in the report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Where the page lies and what it says.

    Attributes:
        path: ``report.html``.
        result: the model's numbers.
        baselines: name of a naive guess -> its numbers on the same pictures.
    """

    path: Path
    result: EvaluationResult
    baselines: dict[str, EvaluationResult]


def report_run(config: DataConfig, summary: TrainSummary, size: tuple[int, int]) -> Report | None:
    """Score the best model of ``config.save_dir`` on the first held-out dataset in metres, and write the report.

    Datasets that were learned from as disparity are scored in metres where they know them; None where none does.
    """
    config = stated_in_metres(config)
    names = [one for one in validation_names(config) if not has_depth(one) or _in_metres(one, config, size)]
    name = next((one for one in names if has_depth(one)), None)
    if name is None:
        logger.warning("no report: %s hold no metres to score a model by", " and ".join(validation_names(config)))
        return None
    part = DATASETS[name].report_split
    predictor = load(config.save_dir, device=config.device)
    pictures, protocol = held_out(name, config, part=part, size=size), _protocol(name, config, predictor.kind)
    settings = _told(name, part, config, size)
    result = evaluate(predictor, pictures, protocol, settings=settings)
    guesses = _guesses(config, size)
    baselines = {guess.name: evaluate(guess, pictures, protocol, settings=settings) for guess in guesses}
    write_json(result, config.save_dir / "evaluation.json")
    for other in names:
        if other != name:
            scored = _scored(predictor, other, config, size)
            write_json(scored, config.save_dir / f"evaluation_{other}.json")
    contents = ReportContents(
        title=f"Leadline {config.recipe}: {predictor.model.config.encoder} on {' + '.join(config.datasets)}",
        lead=_lead(name, part, len(pictures)),
        result=result,
        baselines=baselines,
        pictures=_pictures(predictor, pictures, protocol),
        facts=_facts(config, summary),
    )
    return Report(path=write_report(config.save_dir, contents), result=result, baselines=baselines)


def _in_metres(name: str, config: DataConfig, size: tuple[int, int]) -> bool:
    return knows_metres(held_out(name, config, part="val", size=size))


def _guesses(config: DataConfig, size: tuple[int, int]) -> Iterable[NaiveGuess]:
    """Made from the first training dataset in metres; none without."""
    parts = (open_part(name, config, part="train", size=size) for name in training_names(config))
    training = next((EvenSubset(part, GUESSED_FROM) for part in parts if knows_metres(part)), None)
    return naive_guesses(training[index] for index in range(len(training))) if training else ()


def _scored(predictor: Predictor, name: str, config: DataConfig, size: tuple[int, int]) -> EvaluationResult:
    pictures, protocol = held_out(name, config, part="val", size=size), _protocol(name, config, predictor.kind)
    return evaluate(predictor, pictures, protocol, settings=_told(name, "val", config, size))


def _told(name: str, part: str, config: DataConfig, size: tuple[int, int]) -> EvaluationSettings:
    """Settings that write down which data were scored."""
    request = dataset_request(name, config, part=part, size=size)
    return EvaluationSettings(
        data={
            "root": None if request.root is None else str(request.root),
            "split": request.split or "all",
            "listing": None if request.listing is None else str(request.listing),
            "options": dict(request.options),
            "validation_images": config.validation_images,
        }
    )


def _protocol(name: str, config: DataConfig, kind: DepthKind) -> Protocol:
    """The dataset's own, fitted as the kind needs it, with the range that was trained on where that is narrower."""
    protocol = find_protocol(DATASETS[name].default_protocol or "depth")
    if Field.DEPTH in protocol.needs:
        protocol = dataclasses.replace(protocol, alignment=alignment_for(kind))
    if DATASETS[name].evaluation_only:
        return protocol  # a benchmark is measured as everyone measures it
    low, high = protocol.range_m
    return dataclasses.replace(protocol, range_m=(max(low, config.min_depth), min(high, config.max_depth)))


def _lead(name: str, part: str, count: int) -> str:
    chosen = "by which the best epoch was chosen as well" if part == "val" else "which no choice was made on"
    return f"The best checkpoint of this run on {count} held-out pictures of {name} (split {part}), {chosen}."


def _pictures(predictor: Predictor, dataset: DepthDataset, protocol: Protocol) -> list[ReportPicture]:
    shown = EvenSubset(dataset, SHOWN)
    return list(_scorable(predictor, (shown[index] for index in range(len(shown))), protocol))


def _scorable(predictor: Predictor, samples: Iterable[Sample], protocol: Protocol) -> Iterator[ReportPicture]:
    for sample in samples:
        try:
            yield from compared_pictures(predictor, [sample], protocol)
        except UnscorableError:
            continue  # the table of left-out pictures names it


def _facts(config: DataConfig, summary: TrainSummary) -> dict[str, object]:
    return {
        "configuration": f"leadline train {config.recipe} --config {config.save_dir / 'config.toml'}",
        "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, {config.device}",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}",
        "seed": config.seed,
        "epochs": summary.epochs,
        "updates": summary.updates,
        "training time (s)": round(summary.seconds),
        "unreadable pictures": len(summary.skipped),
    }
