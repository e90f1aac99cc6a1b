# SPDX-License-Identifier: Apache-2.0
"""A shown depth and a format, or a model and its calibration, enter; one file for the user to take away leaves."""

from __future__ import annotations

import re
import shutil
import uuid
import zipfile
from typing import TYPE_CHECKING, Literal

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import StorageError, UsageError
from leadline.inference.calibration.fit import with_calibration
from leadline.inference.outputs.files import save_prediction
from leadline.inference.outputs.prediction import Prediction
from leadline.inference.predictor import Predictor
from leadline.models.stereo.monocular import MonocularPath
from leadline.models.weights import save_model

if TYPE_CHECKING:
    from pathlib import Path

    from leadline.inference.predict_files import PredictsByNetwork
    from leadline.models.calibration import Calibration
    from leadline.web.shown_depth import ShownDepth

Download = Literal["npy", "png16", "ply"]
DOWNLOADS: dict[Download, str] = {"npy": "NumPy array", "png16": "16-bit PNG, mm", "ply": "PLY points"}
"""Format -> what its button says."""
_ONLY_METRIC: frozenset[Download] = frozenset({"png16", "ply"})
_LONGEST_NAME = 60


def offered(kind: DepthKind) -> frozenset[Download]:
    """The formats that numbers of this kind can fill truthfully: millimetres and points need metres."""
    return frozenset(DOWNLOADS) - (frozenset() if kind is DepthKind.METRIC else _ONLY_METRIC)


def write_download(shown: ShownDepth, form: Download, folder: Path) -> Path:
    """Write one file into a new folder below ``folder``, with the JSON that explains it beside it, and return its path.

    Raises:
        UsageError: a format that this kind of depth cannot fill.
        StorageError: full or read-only disk.
    """
    if form not in offered(shown.depth.kind):
        raise UsageError(
            expected=f"depth in metres for {DOWNLOADS.get(form, form)}",
            got=f"a map of kind {shown.depth.kind.value}",
            remedy="calibrate it with known depths first, or use a metric model",
        )
    prediction = Prediction(depth=shown.depth, rgb=shown.rgb, description=shown.description)
    place = folder / uuid.uuid4().hex
    return save_prediction(place, file_stem(shown.name), prediction, (form,))[0]


def write_model(predictor: PredictsByNetwork, calibration: Calibration, name: str, folder: Path) -> Path:
    """Write the model that predicts metres as ``leadline calibrate`` does, in a zip file below ``folder``; its path.

    Args:
        predictor: what the calibration was found with.
        calibration: turns its numbers into metres.
        name: of the model, for the file.
        folder: a new one is made in it.

    Raises:
        UsageError: an exported file, a stereo network, or a model with a calibration, on whose metres this one rests.
        StorageError: full or read-only disk.
    """
    model = predictor.model if isinstance(predictor, Predictor) else None
    if isinstance(model, MonocularPath):
        raise UsageError(
            expected="a depth model, which has a place for a calibration",
            got="a stereo network",
            remedy="train it on pairs of a known rig, and it says metres by itself",
        )
    if model is None or model.config.calibration is not None:
        raise UsageError(
            expected="a model that can take this calibration",
            got="an exported file" if model is None else "one with a calibration of its own",
            remedy="use `leadline calibrate MODEL --points CSV --out FOLDER` on the model that it was made from",
        )
    place = folder / uuid.uuid4().hex
    inside = f"{file_stem(name)}_calibrated"
    save_model(place / inside, with_calibration(model, calibration))
    path = place / f"{inside}.zip"
    try:
        with zipfile.ZipFile(path, "w") as archive:  # stored: weights do not get smaller
            for file in sorted((place / inside).iterdir()):
                archive.write(file, f"{inside}/{file.name}")
    except OSError as error:
        raise StorageError(
            expected="room for the calibrated model", got=error.strerror or str(error), remedy="free some space"
        ) from error
    finally:
        shutil.rmtree(place / inside)
    return path


def file_stem(name: str) -> str:
    """A name that every file system takes, from one that a browser sent.

    >>> file_stem("../my photo?")
    'my photo'
    """
    kept = re.sub(r"[^\w .()+-]+", "_", name).strip("._ ")[:_LONGEST_NAME].strip()
    return kept or "picture"
