# SPDX-License-Identifier: Apache-2.0
"""Many pairs, one predictor: they enter one after the other; the files of each left picture, and a summary, leave."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from leadline.contracts.errors import DataError
from leadline.inference.outputs.files import check_formats, save_prediction
from leadline.inference.outputs.prediction import Prediction
from leadline.inference.outputs.write_behind import WriteBehind
from leadline.inference.pictures import as_picture
from leadline.inference.predict_files import (
    OnProgress,
    PredictionSettings,
    PredictionSummary,
    refuse_nothing_read,
    refuse_overwriting,
)
from leadline.inference.stereo.pair_inputs import InputPair
from leadline.inference.stereo.stereo_predictor import StereoPredictor, require_one_size
from leadline.rasters.atomic import require_writable

logger = logging.getLogger(__name__)


def predict_pairs(
    predictor: StereoPredictor,
    pairs: Sequence[InputPair],
    out_folder: Path,
    settings: PredictionSettings,
    on_progress: OnProgress | None = None,
) -> PredictionSummary:
    """Predict every pair and write its files below ``out_folder``, as ``predict_files`` does for single pictures.

    Args:
        predictor: gives the maps of the left pictures.
        pairs: with their cameras, where they are known.
        out_folder: made where it does not exist; files of an earlier run are replaced one by one.
        settings: formats and policy; one pair is in memory, whatever the batch size.
        on_progress: called with (pairs done, pairs in all) after each.

    Raises:
        DataError: an unreadable picture, or two of different sizes, under the policy "stop", or not one pair that is fit.
        StorageError: the folder cannot be written, or a result would replace a picture.
        UsageError: formats that do not fit, or metres from cameras that are not known.
        MissingExtraError: ``exr`` without OpenEXR.
    """
    for kind in {predictor.kind_of(pair.rig or predictor.rig) for pair in pairs}:
        check_formats(settings.formats, kind)
    refuse_overwriting([pair.left for pair in pairs], out_folder, settings.formats, others=[pair.right for pair in pairs])
    require_writable(out_folder)
    summary = PredictionSummary()
    with WriteBehind(summary.files) as writer:
        for done, pair in enumerate(pairs, start=1):
            prediction = _predicted(predictor, pair, settings, summary)
            if prediction is not None:
                writer.submit(partial(save_prediction, out_folder, pair.left.stem, prediction, settings.formats))
                summary.predicted += 1
            if on_progress is not None:
                on_progress(done, len(pairs))
    refuse_nothing_read(summary)
    return summary


def _predicted(
    predictor: StereoPredictor, pair: InputPair, settings: PredictionSettings, summary: PredictionSummary
) -> Prediction | None:
    """The prediction of one pair, or None where it was skipped, which the summary then says."""
    try:
        left, right = as_picture(pair.left.path), as_picture(pair.right)
        require_one_size(left, right, names=(pair.left.path, pair.right))
        depth = predictor.predict_pair(left, right, pair.rig)
    except DataError as error:
        if settings.on_unreadable == "stop":
            raise
        logger.warning("skipped: %s", error)
        summary.skipped.append((pair.left.path, str(error)))
        return None
    description = {"image": str(pair.left.path), "right": str(pair.right), **predictor.description, **depth.notes}
    return Prediction(depth=depth, rgb=left, description=description, camera=settings.camera)
