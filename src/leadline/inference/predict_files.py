# SPDX-License-Identifier: Apache-2.0
"""Many pictures, one predictor: inputs enter, files beside each other and a summary leave; only one batch is in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, Protocol

from leadline.contracts.errors import DataError, StorageError, UsageError
from leadline.contracts.predictor import Predicts
from leadline.inference.inputs import InputPicture, Inputs
from leadline.inference.outputs.files import ENDINGS, OutputFormat, check_formats, output_path, save_prediction
from leadline.inference.outputs.prediction import Prediction
from leadline.inference.outputs.write_behind import WriteBehind
from leadline.inference.pictures import as_picture
from leadline.inference.preprocess import PreprocessSettings, network_size
from leadline.rasters.atomic import require_writable
from leadline.rasters.images import image_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera
    from leadline.contracts.depth_map import DepthKind

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
_PIXELS_BEHIND = 4_000_000  # of a map that may wait to be written while the next is made
_PIXELS_TOGETHER = 16_000_000  # of one batch; a picture and its map take about 8 bytes for each


class PredictsByNetwork(Predicts, Protocol):
    """A predictor that says before its first map how it takes pictures and what it claims; ``Predictor`` does."""

    @property
    def preprocessing(self) -> PreprocessSettings:
        """How it brings pictures to its size."""
        ...

    @property
    def kind(self) -> DepthKind:
        """The claim of its maps."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionSettings:
    """What to write and how to go about it."""

    formats: tuple[OutputFormat, ...] = ("npy",)
    """Files per picture, beside the JSON that is always written."""
    batch_size: int = 1
    """Pictures held in memory together, unless large; those the network sees at one size go through it together."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """At a picture that cannot be read: stop, or name it in the summary and go on."""
    camera: Camera | None = None
    """Camera of all the pictures, for point clouds; None assumes a field of view and says so in the JSON."""


@dataclass(kw_only=True, slots=True)
class PredictionSummary:
    """What was done.

    Attributes:
        predicted: pictures whose files are written.
        files: every file written, JSON included.
        skipped: (picture, reason) for each one that could not be read.
        ignored: files in input folders that are no pictures.
    """

    predicted: int = 0
    files: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    ignored: int = 0


def predict_files(
    predictor: PredictsByNetwork,
    inputs: Inputs,
    out_folder: Path,
    settings: PredictionSettings,
    on_progress: OnProgress | None = None,
) -> PredictionSummary:
    """Predict every input and write its files below ``out_folder``, mirroring the sub-folders of the input.

    Args:
        predictor: gives the maps.
        inputs: from ``leadline.inference.inputs.collect_inputs``.
        out_folder: made where it does not exist; files of an earlier run are replaced one by one.
        settings: formats, batch, policy.
        on_progress: called with (pictures done, pictures in all) after each batch.

    Raises:
        DataError: an unreadable picture under the policy "stop", or not one that could be read.
        StorageError: the folder cannot be written, or a result would replace an input picture.
        UsageError: formats that do not fit the model, or a batch size below 1.
        MissingExtraError: ``exr`` without OpenEXR.
    """
    if settings.batch_size < 1:
        raise UsageError(expected="a batch size of at least 1", got=str(settings.batch_size), remedy="use 1")
    check_formats(settings.formats, predictor.kind)
    refuse_overwriting(inputs.pictures, out_folder, settings.formats)
    require_writable(out_folder)
    summary = PredictionSummary(ignored=inputs.ignored)
    done = 0
    with WriteBehind(summary.files) as writer:
        for batch in _batches(inputs.pictures, settings.batch_size):
            for stem, prediction in _predict_batch(predictor, batch, settings, summary):
                writer.submit(partial(save_prediction, out_folder, stem, prediction, settings.formats))
                if prediction.depth.values.size > _PIXELS_BEHIND:
                    writer.finish()
                summary.predicted += 1
            done += len(batch)
            if on_progress is not None:
                on_progress(done, len(inputs.pictures))
    refuse_nothing_read(summary)
    return summary


def _batches(pictures: Sequence[InputPicture], size: int) -> Iterator[list[InputPicture]]:
    """At most ``size`` pictures, fewer where they are so large that memory would follow their number."""
    batch: list[InputPicture] = []
    pixels = 0
    for one in pictures:
        pixels += _pixels(one.path)
        if batch and (len(batch) == size or pixels > _PIXELS_TOGETHER):
            yield batch
            batch, pixels = [], _pixels(one.path)
        batch.append(one)
    if batch:
        yield batch


def _pixels(path: Path) -> int:
    """From the header; 0 of a file that cannot be read, which is said when its turn comes."""
    try:
        height, width = image_size(path)
    except DataError:
        return 0
    return height * width


def _predict_batch(
    predictor: PredictsByNetwork,
    batch: Sequence[InputPicture],
    settings: PredictionSettings,
    summary: PredictionSummary,
) -> Iterator[tuple[PurePath, Prediction]]:
    readable = dict(_read(batch, predictor.preprocessing, settings, summary))
    depths = predictor.predict_batch(list(readable.values()))
    for (one, rgb), depth in zip(readable.items(), depths, strict=True):
        description = {"image": str(one.path), **predictor.description, **depth.notes}
        yield one.stem, Prediction(depth=depth, rgb=rgb, description=description, camera=settings.camera)


def _read(
    batch: Sequence[InputPicture],
    preprocessing: PreprocessSettings,
    settings: PredictionSettings,
    summary: PredictionSummary,
) -> Iterator[tuple[InputPicture, NDArray[np.uint8]]]:
    for one in batch:
        try:
            rgb = as_picture(one.path)
            network_size(rgb.shape[0], rgb.shape[1], preprocessing)  # refuses what the network could not hold
        except DataError as error:
            if settings.on_unreadable == "stop":
                raise
            logger.warning("skipped: %s", error)
            summary.skipped.append((one.path, str(error)))
            continue
        yield one, rgb


def refuse_overwriting(
    pictures: Sequence[InputPicture], out_folder: Path, formats: Sequence[OutputFormat], *, others: Sequence[Path] = ()
) -> None:
    """Refuse an output folder in which a result would take the place of an input.

    Args:
        pictures: whose results are to be written, each with its stem.
        out_folder, formats: where and as what.
        others: further files that must stay.

    Raises:
        StorageError: names the first one.
    """
    sources = {path.resolve() for path in (*(one.path for one in pictures), *others)}
    endings = [ENDINGS[name] for name in formats]
    for one in pictures:
        for target in (output_path(out_folder, one.stem, ending) for ending in endings):
            if target.resolve() in sources:
                raise StorageError(
                    expected="results beside the inputs, never over them",
                    got=f"{target}, which is an input picture",
                    remedy="choose another output folder",
                )


def refuse_nothing_read(summary: PredictionSummary) -> None:
    """DataError where not one picture could be read, with the first reason."""
    if summary.predicted == 0:
        got = "none"
        if summary.skipped:
            path, reason = summary.skipped[0]
            got += f" of {len(summary.skipped)}, the first being {path} ({reason})"
        raise DataError(expected="at least one readable picture", got=got, remedy="check the input")
