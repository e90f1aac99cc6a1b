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
from leadline.evaluation.report_pictures import compared_pictures
from leadline.evaluation.results import as_json, rounded
from leadline.geometry.alignment import alignment_for
from leadline.rasters.atomic import atomically
from leadline.rasters.panels import captioned, tile
from leadline.recipes.supervised.data import has_depth, held_out, knows_metres, stated_in_metres, validation_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from leadline.data.dataset import DepthDataset
    from leadline.evaluation.protocol import Protocol
    from leadline.evaluation.results import EvaluationResult
    from leadline.inference.predictor import Predictor
    from leadline.recipes.staged.config import StagedConfig

SHOWN = 4
COMPARED = ("abs_rel", "delta1")


def compare_models(config: StagedConfig, models: Mapping[str, Predictor], folder: Path, size: tuple[int, int]) -> str:
    """Score every model on every dataset of ``config.evaluate_on`` (else on those that are validated on, if in metres).

    Args:
        config: names the datasets.
        models: by the name that the table shall have.
        folder: gets ``comparison.json``, ``comparison.md`` and a sheet of pictures per dataset.
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
    table = as_table(found)
    results = {
        name: {who: as_json(one) | {"per_image": _per_image(one)} for who, one in of_models.items()}
        for name, of_models in found.items()
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


def shown_name(given: str) -> str:
    """How a table calls a dataset of ``--evaluate-on``.

    >>> shown_name("labelled_folder=/data/flat"), shown_name("procedural")
    ('labelled_folder flat', 'procedural')
    """
    name, _, place = given.partition("=")
    return f"{name} {Path(place).name}" if place else name


def _per_image(result: EvaluationResult) -> dict[str, dict[str, float]]:
    """Metric -> picture -> value."""
    return {metric: {row.key: row.metrics[metric] for row in result.rows if metric in row.metrics} for metric in COMPARED}


def _cell(result: EvaluationResult, metric: str) -> str:
    low, high = result.intervals[metric]
    return f"{rounded(result.metrics[metric])} [{rounded(low)}, {rounded(high)}]"


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
    with atomically(file) as temporary:
        Image.fromarray(tile(rows)).save(temporary)


def file_name(name: str) -> str:
    """Letters, digits, hyphens and underscores of a name, at most 60."""
    return "".join(character if character.isalnum() or character in "-_" else "-" for character in name)[:60]
