# SPDX-License-Identifier: Apache-2.0
"""Models of one chain enter; their numbers on the same held-out pictures leave, as JSON, a table and a sheet."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS, dataset_entry, open_dataset
from leadline.data.request import DatasetRequest
from leadline.data.subset import EvenSubset
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.protocol import ImageScore
from leadline.evaluation.report_pictures import compared_pictures
from leadline.evaluation.results import as_json, rounded
from leadline.evaluation.statistics import means
from leadline.geometry.alignment import alignment_for
from leadline.rasters.atomic import atomically
from leadline.rasters.panels import captioned, tile
from leadline.recipes.supervised.data import has_depth, held_out, knows_metres, stated_in_metres, validation_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from leadline.data.dataset import DepthDataset
    from leadline.evaluation.protocol import Protocol
    from leadline.evaluation.results import EvaluationResult
    from leadline.evaluation.statistics import Means
    from leadline.inference.predictor import Predictor
    from leadline.recipes.staged.config import StagedConfig

SHOWN = 4
SHEET_WIDTH_PX = 2400  # four wide pictures beside each other would make a file of 13 MB that no screen shows
COMPARED = ("abs_rel", "delta1")
STUDENT = "student"


def compare_models(config: StagedConfig, models: Mapping[str, Predictor], folder: Path, size: tuple[int, int]) -> str:
    """Score every model on every dataset of ``config.evaluate_on`` (else on those that are validated on, if in metres).

    Args:
        config: names the datasets.
        models: by the name that the table shall have.
        folder: gets ``comparison.json``, ``comparison.md`` and a sheet of pictures per dataset.  Where one of the models is
            :data:`STUDENT`, they also say by how much it differs from every other.
        size: at which procedural scenes are rendered, (height, width) in pixels.

    Returns:
        The table, as markdown.

    Raises:
        LeadlineError: a dataset that is not there, or that has nothing to score.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, EvaluationResult]] = {}
    for name, pictures in _held_out(config, size).items():
        found[name] = {}
        for who, predictor in models.items():
            protocol = _protocol(name.partition("=")[0], predictor)
            found[name][who] = evaluate(predictor, pictures, protocol, settings=EvaluationSettings())
        _write_sheet(folder / f"sheet-{file_name(name)}.png", models, pictures, name)
    differences = list(student_differences(found))
    table = as_table(found) + as_difference_table(differences)
    results = {
        name: {who: as_json(one) | {"per_image": _per_image(one)} for who, one in of_models.items()}
        for name, of_models in found.items()
    }
    for name, other, one in differences:
        results[name][other]["student_minus_this"] = {
            metric: {"mean": value, "interval": list(one.intervals[metric])} for metric, value in one.values.items()
        }
    with atomically(folder / "comparison.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, default=str) + "\n", encoding="utf-8")
    with atomically(folder / "comparison.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    return table


def as_table(found: Mapping[str, Mapping[str, EvaluationResult]]) -> str:
    """One line per dataset and model: means with 95 % intervals over the pictures."""
    lines = ["| dataset | model | pictures | AbsRel | δ1 |", "|---|---|---|---|---|"]
    for name, of_models in found.items():
        for who, result in of_models.items():
            cells = " | ".join(_cell(result, metric) for metric in COMPARED)
            lines.append(f"| {shown_name(name)} | {who} | {result.images} | {cells} |")
    return "\n".join(lines) + "\n"


def student_differences(found: Mapping[str, Mapping[str, EvaluationResult]]) -> Iterator[tuple[str, str, Means]]:
    """Dataset, another model, and the student's numbers less that model's; none where there is no student.

    Pictures are hard or easy for all models alike, so a difference is known better than two means beside each other say.
    """
    for name, of_models in found.items():
        for other, theirs in of_models.items():
            if other != STUDENT and STUDENT in of_models and _per_image(theirs):
                yield name, other, paired_difference(_per_image(of_models[STUDENT]), _per_image(theirs))


def as_difference_table(differences: Sequence[tuple[str, str, Means]]) -> str:
    """What :func:`student_differences` found, one line each, under an empty line; nothing for nothing."""
    if not differences:
        return ""
    rows = [
        f"| {shown_name(name)} | {other} | {' | '.join(_difference_cell(one, metric) for metric in COMPARED)} |"
        for name, other, one in differences
    ]
    return "\n".join(["", "| dataset | student minus | AbsRel | δ1 |", "|---|---|---|---|", *rows]) + "\n"


def paired_difference(first: Mapping[str, Mapping[str, float]], second: Mapping[str, Mapping[str, float]]) -> Means:
    """Mean of first minus second over the pictures that both have a number for, resampled with both numbers together.

    Args:
        first, second: metric -> picture -> value.

    Raises:
        ContractError: they have no picture in common.

    >>> paired_difference({"m": {"a": 3.0, "b": 9.0}}, {"m": {"b": 8.0, "a": 2.0, "c": 0.0}}).intervals
    {'m': (1.0, 1.0)}
    """
    of_pictures: dict[str, dict[str, float]] = {}
    for metric in [one for one in first if one in second]:
        for key in sorted(first[metric].keys() & second[metric].keys()):
            of_pictures.setdefault(key, {})[metric] = first[metric][key] - second[metric][key]
    scores = [ImageScore(metrics=one) for one in of_pictures.values()]
    settings = EvaluationSettings()
    return means(scores, resamples=settings.resamples, seed=settings.seed)


def shown_name(given: str) -> str:
    """How a table calls a dataset of ``--evaluate-on``.

    >>> shown_name("labelled_folder=/data/flat"), shown_name("procedural")
    ('labelled_folder flat', 'procedural')
    """
    name, _, place = given.partition("=")
    return f"{name} {Path(place).name}" if place else name


def _per_image(result: EvaluationResult) -> dict[str, dict[str, float]]:
    """Metric -> picture -> value."""
    told = [metric for metric in COMPARED if metric in result.metrics]
    return {metric: {row.key: row.metrics[metric] for row in result.rows if metric in row.metrics} for metric in told}


def _cell(result: EvaluationResult, metric: str) -> str:
    if metric not in result.metrics:  # ordinal pairs have neither
        return "–"
    low, high = result.intervals[metric]
    return f"{rounded(result.metrics[metric])} [{rounded(low)}, {rounded(high)}]"


def _difference_cell(difference: Means, metric: str) -> str:
    if metric not in difference.values:
        return "–"
    low, high = difference.intervals[metric]
    return f"{difference.values[metric]:+.3f} [{low:+.3f}, {high:+.3f}]"


def _held_out(config: StagedConfig, size: tuple[int, int]) -> dict[str, DepthDataset]:
    if not config.evaluate_on:
        config = stated_in_metres(config)
        names = [name for name in validation_names(config) if has_depth(name)]
        parts = {name: held_out(name, config, part=DATASETS[name].report_split, size=size) for name in names}
        return {name: part for name, part in parts.items() if knows_metres(part)}
    found: dict[str, DepthDataset] = {}
    for given in config.evaluate_on:
        name, _, place = given.partition("=")
        dataset_entry(name, flag="--evaluate-on")
        whole = open_dataset(name, DatasetRequest(root=Path(place) if place else None))
        found[given] = EvenSubset(whole, config.validation_images) if config.validation_images else whole
    return found


def _protocol(name: str, predictor: Predictor) -> Protocol:
    protocol = find_protocol(DATASETS[name].default_protocol or "depth")
    if Field.DEPTH not in protocol.needs:
        return protocol
    return dataclasses.replace(protocol, alignment=alignment_for(predictor.kind))


def _write_sheet(file: Path, models: Mapping[str, Predictor], pictures: DepthDataset, name: str) -> None:
    """RGB | truth | prediction | error of a few pictures, one row per model, each as its protocol judges it."""
    shown = EvenSubset(pictures, SHOWN)
    rows: list[list[NDArray[np.uint8]]] = []
    for index in range(len(shown)):
        sample = shown[index]
        for who, predictor in models.items():
            (one,) = compared_pictures(predictor, [sample], _protocol(name.partition("=")[0], predictor))
            caption = one.caption.replace(sample.key, PurePath(sample.key).name, 1)  # a line must hold the numbers too
            rows.append([captioned(one.pixels, f"{who}: {caption}")])
    sheet = Image.fromarray(tile(rows))
    sheet.thumbnail((SHEET_WIDTH_PX, sheet.height))
    with atomically(file) as temporary:
        sheet.save(temporary, format="PNG")


def file_name(name: str) -> str:
    """Letters, digits, hyphens and underscores of a name, at most 60."""
    return "".join(character if character.isalnum() or character in "-_" else "-" for character in name)[:60]
