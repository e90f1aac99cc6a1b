# SPDX-License-Identifier: Apache-2.0
"""``leadline calibrate``: a model and known depths enter; a model folder that predicts metres, and says how well, leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leadline.cli.arguments import parse
from leadline.cli.console import output, progress, say, show_log, table, tell
from leadline.cli.datasets import DatasetChoice, open_chosen
from leadline.cli.model_argument import Model
from leadline.contracts.errors import ContractError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from leadline.data.dataset import DepthDataset
    from leadline.inference.calibration.fit import Calibrated
    from leadline.inference.calibration.known_depths import KnownDepths


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateArguments:
    """Turn a model into one that predicts metres, from a few known depths."""

    model: Model
    out: Path
    """Folder for the calibrated model."""
    points: Path | None = None
    """CSV with columns image,x,y,depth_m: pictures relative to the file, pixels counted from 0 at the upper left, metres."""

    dataset: str | None = None
    """Name of a dataset with depth (leadline list datasets), instead of --points."""
    root: Path | None = None
    """Folder the dataset was unpacked into; procedural needs none."""
    split: str | None = None
    """Split of the dataset; by default all.  Calibrate on another than you evaluate on."""
    listing: Path | None = None
    """CSV, JSON, JSONL or annotation file that lists the samples."""
    option: tuple[str, ...] = ()
    """The dataset's own settings, KEY=VALUE each, e.g. --option count=100 seed=1."""
    pictures: int = 50
    """At most so many pictures of the dataset, evenly spread over it."""
    points_per_picture: int = 200
    """At most so many of the valid pixels of each."""

    shift: bool = False
    """Fit a shift beside the scale for models in metres too; affine models always get both."""
    max_depth: float | None = None
    """Farthest depth in metres that a relative model may then say; by default four times the farthest known one."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32 pins exactness; auto takes bf16 where the hardware has units for it."""
    architecture: str | None = None
    """The network of a bare weights file that does not say, e.g. depth-anything-v2-small."""


def main(argv: Sequence[str]) -> int:
    """Parse and run."""
    return run(parse(CalibrateArguments, argv, prog="leadline calibrate").value)


def run(arguments: CalibrateArguments) -> int:
    """Observe, fit, save and say."""
    show_log()
    check(arguments)
    known, source = known_depths(arguments)

    from leadline.inference.calibration.fit import CalibrationSettings, calibrate, with_calibration
    from leadline.inference.calibration.observations import observe
    from leadline.inference.predictor import Predictor
    from leadline.models.weights import load_model, save_model

    given = load_model(arguments.model, architecture=arguments.architecture)
    if given.config.calibration is not None:
        tell("the model's earlier calibration is replaced")
    model = with_calibration(given, None)
    predictor = Predictor(model, device=arguments.device, precision=arguments.precision, source=arguments.model)
    with progress("predicting", total=len(known)) as advance:
        seen = observe(predictor, known, advance)
    settings = CalibrationSettings(with_shift=arguments.shift, max_depth_m=arguments.max_depth, source=source)
    found = calibrate(seen, settings)
    save_model(arguments.out, with_calibration(model, found.calibration))
    show(found, arguments.out)
    return 0


def check(arguments: CalibrateArguments) -> None:
    """Refuse what cannot be meant, before anything is loaded.

    Raises:
        UsageError: points and a dataset, or neither; an impossible count or depth; a result over the model itself.
    """
    if (arguments.points is None) == (arguments.dataset is None):
        got = "neither" if arguments.points is None else "both"
        raise UsageError(expected="--points CSV or --dataset NAME", got=got, remedy="name one of the two")
    for flag, value in (("--pictures", arguments.pictures), ("--points-per-picture", arguments.points_per_picture)):
        if value < 1:
            raise UsageError(expected=f"{flag} of 1 or more", got=str(value), remedy="leave it out")
    if arguments.max_depth is not None and not 0 < arguments.max_depth < float("inf"):
        got = f"{arguments.max_depth:g}"
        raise UsageError(expected="--max-depth above 0, in metres", got=got, remedy="e.g. --max-depth 80")
    if arguments.out.resolve() in {Path(arguments.model).resolve(), Path(arguments.model).resolve().parent}:
        raise UsageError(
            expected="a folder of its own for the calibrated model", got=str(arguments.out), remedy="choose another --out"
        )


def known_depths(arguments: CalibrateArguments) -> tuple[list[KnownDepths], str]:
    """The pictures with their points, and where they come from.

    Raises:
        DataError: a file that is no list of points.
        ContractError: a dataset without depth in metres.
    """
    from leadline.inference.calibration.known_depths import read_points

    if arguments.points is not None:
        return read_points(arguments.points), str(arguments.points)
    choice = DatasetChoice(
        name=arguments.dataset or "",
        root=arguments.root,
        split=arguments.split,
        listing=arguments.listing,
        options=arguments.option,
    )
    dataset = open_chosen(choice)
    count = min(arguments.pictures, len(dataset))
    indices = [round((place + 0.5) * len(dataset) / count - 0.5) for place in range(count)]
    chosen = [known_of(dataset, index, arguments.points_per_picture) for index in indices]
    split = f", split {arguments.split}" if arguments.split else ""
    return [one for one in chosen if len(one.depth_m)], f"dataset {dataset.name}{split}"


def known_of(dataset: DepthDataset, index: int, most: int) -> KnownDepths:
    """At most ``most`` valid pixels of sample ``index``, drawn with the index as seed; the picture is read again later.

    Raises:
        ContractError: the sample has no depth in metres.
        DataError: it cannot be read.
    """
    import numpy as np

    from leadline.contracts.depth_map import DepthKind
    from leadline.inference.calibration.known_depths import KnownDepths
    from leadline.rasters.images import picture_from_tensor

    sample = dataset[index]
    if sample.depth is None or sample.valid is None or sample.kind is not DepthKind.METRIC:
        raise ContractError(
            expected="a dataset with depth in metres",
            got=f"'{dataset.name}', {'no depth' if sample.depth is None else sample.kind.value} in {sample.key}",
            remedy="choose another dataset, or give --points",
        )

    def read() -> np.typing.NDArray[np.uint8]:
        return picture_from_tensor(dataset[index].image)

    depth_m = sample.depth.numpy().astype(np.float64)
    rows, columns = np.nonzero(sample.valid.numpy() & (depth_m > 0) & np.isfinite(depth_m))
    drawn = np.random.default_rng(index).permutation(len(rows))[:most]
    rows, columns = rows[drawn], columns[drawn]
    x_px, y_px = (one.astype(np.float64) + 0.5 for one in (columns, rows))
    return KnownDepths(key=sample.key, read=read, x_px=x_px, y_px=y_px, depth_m=depth_m[rows, columns])


def show(found: Calibrated, out: Path) -> None:
    """What was found on stdout, warnings on stderr."""
    calibration, evidence = found.calibration, found.calibration.evidence
    unit = "1/m" if calibration.space == "disparity" else "m"
    formula = "1 / (scale * x + shift)" if calibration.space == "disparity" else "scale * x + shift"
    near, median, far = (f"{z:.3g} m" for z in (evidence.nearest_m, evidence.median_m, evidence.farthest_m))
    rows = [
        ["scale", f"{calibration.scale:.5g}{_doubt(evidence.scale_error)} {unit}"],
        ["shift", f"{calibration.shift:.5g}{_doubt(evidence.shift_error)} {unit}"],
        [f"error expected at {near}", _share(evidence.relative_error_near)],
        [f"error expected at {median}", _share(evidence.relative_error_median)],
        [f"error expected at {far}", _share(evidence.relative_error_far)],
        [f"mean error, each {evidence.held_out_by} left out", _share(evidence.abs_rel)],
        ["farthest depth said", f"{calibration.max_depth_m:.3g} m" if calibration.space == "disparity" else "no limit"],
    ]
    title = f"metres = {formula}, from {evidence.points} points in {evidence.pictures} pictures"
    output().print(table(title, ["", "value"], rows))
    for sentence in found.warnings:
        tell(f"warning: {sentence}")
    say(f"calibrated model: {out}")


def _doubt(error: float | None) -> str:
    return " ± unknown" if error is None else f" ± {error:.2g}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2%}"
