# SPDX-License-Identifier: Apache-2.0
"""A predictor enters; the pace of a whole folder, decoded, predicted and saved, against its network's alone leaves."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

from leadline.benchmarks.measurement import Spread
from leadline.benchmarks.report import Row
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.inference.inputs import collect_inputs
from leadline.inference.pictures import as_picture
from leadline.inference.predict_files import PredictionSettings, predict_files
from leadline.inference.predictor import Predictor
from leadline.inference.preprocess import network_input

GOAL = 0.9
PICTURES = 100
HEIGHT_PX, WIDTH_PX = 480, 640
_SCENES = 4  # the time to decode and to predict a picture does not depend on what it shows


def folder_rows(predictor: Predictor, *, rounds: int) -> list[Row]:
    """One row: the network's time for 100 pictures over the time for everything, in as many parts as there are rounds."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = write_pictures(Path(folder) / "pictures", PICTURES // rounds)
        inputs = collect_inputs([pictures])
        images = [
            network_input(as_picture(one.path), predictor.preprocessing, predictor.model.normalisation)[None]
            for one in inputs.pictures
        ]
        predictor.run_network(images[0])
        ratios = []
        for _ in range(rounds):
            start = time.perf_counter()
            for image in images:
                predictor.run_network(image)
            alone_s = time.perf_counter() - start
            start = time.perf_counter()
            predict_files(predictor, inputs, Path(folder) / "out", PredictionSettings(formats=("npy",)))
            ratios.append(alone_s / (time.perf_counter() - start))
    spread = Spread.of(ratios)
    row = Row(
        name=f"folder of {HEIGHT_PX}x{WIDTH_PX} JPEG to npy, of the network's pace",
        value=100 * spread.median,
        unit="%",
        spread=(100 * spread.lower_quartile, 100 * spread.upper_quartile),
        expected=f"at least {100 * GOAL:g}",
        met=spread.median >= GOAL,
        note=f"{rounds} rounds of {len(images)} pictures, network alone and all; {alone_s / len(images):.2f} s each",
    )
    return [row]


def write_pictures(folder: Path, count: int) -> Path:
    """``count`` JPEG files of procedural scenes."""
    folder.mkdir()
    scenes = ProceduralScenes(count=_SCENES, seed=0, height=HEIGHT_PX, width=WIDTH_PX)
    drawn = [Image.fromarray((255 * scenes[i].image).to(torch.uint8).permute(1, 2, 0).numpy()) for i in range(_SCENES)]
    for index in range(count):
        drawn[index % _SCENES].save(folder / f"{index:03}.jpg", quality=90)
    return folder
