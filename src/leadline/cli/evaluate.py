# SPDX-License-Identifier: Apache-2.0
"""``leadline evaluate``: a model, a dataset and a protocol enter; a table, and JSON, CSV and markdown files, leave."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leadline.cli.arguments import parse
from leadline.cli.console import output, progress, show_log, table, tell
from leadline.cli.datasets import DatasetChoice, open_chosen
from leadline.cli.evaluated_model import check_mode, chosen_predictor
from leadline.cli.model_argument import Model
from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from leadline.evaluation.protocol import Protocol
    from leadline.evaluation.results import EvaluationResult


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateArguments:
    """Score a model on a dataset by a named protocol: per-image metrics, their means and 95 % intervals."""

    model: Model
    dataset: str
    """Name of a dataset (leadline list datasets)."""
    root: Path | None = None
    """Folder the dataset was unpacked into; procedural needs none."""
    protocol: str | None = None
    """Name of a protocol (leadline list protocols); by default the one meant for the dataset."""
    split: str | None = None
    """Split of the dataset; by default all."""
    listing: Path | None = None
    """CSV, JSON, JSONL or annotation file that lists the samples."""
    option: tuple[str, ...] = ()
    """The dataset's own settings, KEY=VALUE each, e.g. --option count=100 seed=1."""

    range_m: tuple[float, float] | None = None
    """Score truth between these metres instead of the protocol's range."""
    crop: str | None = None
    """Score this rectangle instead of the protocol's: full, eigen, garg, ..."""
    alignment: str | None = None
    """Fit to the truth of each image instead of the protocol's: none, median, scale, ..."""
    convention: Literal["depth", "depth_gtmax", "disp"] | None = None
    """What follows the fit of scale-shift-disparity: compare metres, disparity raised to at least 1/cap (depth) or to 1/the
    farthest truth of the image (depth_gtmax), or compare disparity (disp)."""
    tta: Literal["none", "flip"] | None = None
    """Test-time augmentation instead of the protocol's."""
    mode: Literal["mono", "refined", "stereo"] | None = None
    """What a stereo network sees with: one eye by its raw or its refined path, or both; left out, its published path."""
    post_processing: Literal["none", "flip", "blend", "multiscale"] = "none"
    """Stereo networks look once more, mirrored: mean of both, the edges of one, or at 2/3 of the size for what is near."""
    boundary: bool = False
    """Measure the sharpness of boundaries too (Depth Pro's F1); for dense truth."""
    compare: bool = False
    """Show what papers report on this benchmark beside what was measured, and whether it can be reproduced."""

    json: Path | None = None
    """Write the result with every setting that bears on the numbers to this file."""
    csv: Path | None = None
    """Write one line per image to this file."""
    markdown: Path | None = None
    """Write the table to this file."""
    figures: Path | None = None
    """Write three pictures to this folder: RGB, truth, a vertical ramp as naive guess, prediction."""

    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness; auto takes bf16 where the hardware has units for it."""
    runtime: Literal["torch", "onnx", "openvino"] = "torch"
    """What runs the network: the numbers of papers are torch's, those of your users perhaps another's."""
    architecture: str | None = None
    """The network of a bare weights file that does not say, e.g. depth-anything-v2-small."""
    batch_size: int = 8
    """Pictures predicted together."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """At an unreadable sample: stop, or count and name it and go on."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(EvaluateArguments, argv, prog="leadline evaluate").value)


def run(arguments: EvaluateArguments) -> int:
    """Evaluate, show and write."""
    show_log()
    if arguments.batch_size < 1:
        raise UsageError(expected="--batch-size of 1 or more", got=str(arguments.batch_size), remedy="e.g. --batch-size 8")
    check_mode(arguments)
    protocol = chosen_protocol(arguments)
    choice = DatasetChoice(
        name=arguments.dataset,
        root=arguments.root,
        split=arguments.split,
        listing=arguments.listing,
        options=arguments.option,
    )
    dataset = open_chosen(choice)

    from leadline.evaluation.evaluate import EvaluationSettings, evaluate

    predictor = chosen_predictor(arguments, dataset, protocol)
    settings = EvaluationSettings(on_unreadable=arguments.on_unreadable, batch_size=arguments.batch_size, data=choice.record)
    with progress(f"{protocol.name} on {dataset.name}", total=len(dataset)) as advance:
        result = evaluate(predictor, dataset, protocol, settings=settings, on_progress=lambda done, _: advance(done))
    result = beside_published(result) if arguments.compare else result
    show(result)
    write(result, arguments)
    if arguments.figures is not None:
        from leadline.evaluation.figures import write_figures

        write_figures(predictor, dataset, protocol, arguments.figures)
    return 0


def chosen_protocol(arguments: EvaluateArguments) -> Protocol:
    """The named protocol, or the dataset's own, with the choices the command line replaces.

    Raises:
        UsageError: unknown names; a dataset for which there is nothing to score.
    """
    from leadline.data.catalog import DATASETS
    from leadline.evaluation.catalog import changed, find_protocol

    entry = DATASETS.get(arguments.dataset)
    name = arguments.protocol or (entry.default_protocol if entry else "depth")
    if name is None:
        raise UsageError(
            expected="a dataset with truth to score against",
            got=f"'{arguments.dataset}'",
            remedy="label it as a labelled_folder, or name a --protocol",
        )
    protocol = changed(
        find_protocol(name),
        crop=arguments.crop,
        range_m=arguments.range_m,
        alignment=arguments.alignment,
        convention=arguments.convention,
        tta=arguments.tta,
    )
    return dataclasses.replace(protocol, boundary=True) if arguments.boundary else protocol


def beside_published(result: EvaluationResult) -> EvaluationResult:
    """The result with the papers' cells of its benchmark, and what keeps it from being theirs."""
    from leadline.evaluation.published import caveats, compare
    from leadline.evaluation.published_tables import PUBLISHED

    changes = result.settings.get("changed")
    return dataclasses.replace(
        result,
        published=compare(PUBLISHED, protocol=result.protocol, metrics=result.metrics),
        caveats=caveats(
            PUBLISHED, protocol=result.protocol, images=result.images, changed=changes if isinstance(changes, list) else []
        ),
    )


def show(result: EvaluationResult) -> None:
    """The means on stdout; what was left out on stderr, by name."""
    from leadline.evaluation.results import PUBLISHED_COLUMNS, better, published_rows, rounded

    rows = []
    for name, value in result.metrics.items():
        low, high = result.intervals[name]
        rows.append([name, rounded(value), f"{rounded(low)} to {rounded(high)}", better(name)])
    title = f"{result.protocol} on {result.dataset}: {result.images} images, {len(result.skipped)} skipped"
    output().print(table(title, ["metric", "mean", "95 % interval", "better"], rows))
    if result.published:
        output().print(table(f"published on {result.dataset}", list(PUBLISHED_COLUMNS), published_rows(result)))
    for sentence in result.caveats:
        tell(sentence)
    for one in result.skipped:
        tell(f"skipped {one.key}: {one.reason}")


def write(result: EvaluationResult, arguments: EvaluateArguments) -> None:
    """The files that were asked for."""
    from leadline.evaluation.results import write_csv, write_json, write_markdown

    for path, writer in ((arguments.json, write_json), (arguments.csv, write_csv), (arguments.markdown, write_markdown)):
        if path is not None:
            writer(result, path)
