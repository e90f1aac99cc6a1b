# SPDX-License-Identifier: Apache-2.0
"""Sides enter; pictures per second and core of our training stream leave, against bare Pillow on the same files.

Ours reads a 640x480 JPEG and its 16-bit depth PNG, checks them, resizes both with their mask, crops, mirrors, jitters
colours and stacks batches, as ``leadline train metric`` does.  Pillow decodes the same two files and resizes them; it makes
no tensor, no mask and no augmentation.  Both use one thread, for a loader gives each worker one core.  Expected: at least
0.8 times Pillow; and at least 40 procedural scenes per second and core at 256x192.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from leadline.benchmarks.machine import this_machine
from leadline.benchmarks.measurement import Spread, Work, compare, seconds_per_call
from leadline.benchmarks.report import Report, Row, ratio_row, spread_row
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.contracts.sample import Sample
from leadline.data.labelled_folder import open_labelled_folder
from leadline.data.loader import LoaderSettings, SampleStream
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.data.request import DatasetRequest
from leadline.rasters.images import picture_from_tensor
from leadline.transforms.photometric import ColourJitter
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.spatial import RandomCrop, RandomFlip, ResizeCover

GOAL, PROCEDURAL_GOAL = 0.8, 40.0
SIDES_PX = (384,)
HEIGHT_PX, WIDTH_PX = 480, 640  # of NYU Depth v2 and of most SUN RGB-D frames
_FILES, _SCENES, _BATCH = 16, 12, 4


def measure(settings: BenchmarkSettings) -> Report:
    """Run the benchmark in a temporary folder."""
    rows: list[Row] = []
    raw: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name, one_thread():
        folder = Path(name)
        write_pictures(folder, count=_FILES)
        for side in settings.sides_px or SIDES_PX:
            ours = stream_pass(folder, side_px=side, batch_size=settings.batch_size or _BATCH)
            result = compare(
                ours=ours, peer=pillow_pass(folder, side_px=side), rounds=settings.rounds, least_s=settings.least_s
            )
            label = f"{WIDTH_PX}x{HEIGHT_PX} JPEG and depth PNG to {side}x{side}"
            rows.append(ratio_row(f"{label}: ours over Pillow", result, at_least=GOAL))
            rows.append(spread_row("  ours", _rates(result.ours_s, _FILES), unit="images/s"))
            rows.append(spread_row("  Pillow", _rates(result.peer_s, _FILES), unit="images/s"))
            raw[label] = {"ours_s": result.ours_s, "peer_s": result.peer_s, "images": _FILES}
        rows.append(_procedural_row(settings))
    notes = ("one thread each; files in the page cache",)
    return Report(name="loader", machine=this_machine().line(), rows=tuple(rows), notes=notes, raw=raw)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread, as a loader's workers do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_pictures(folder: Path, *, count: int) -> None:
    """A labelled folder of procedural scenes: ``N.jpg`` (quality 92), ``N.png`` (millimetres), ``manifest.jsonl``."""
    scenes = ProceduralScenes(count=count, seed=0, height=HEIGHT_PX, width=WIDTH_PX)
    lines = []
    for index in range(count):
        sample = scenes[index]
        Image.fromarray(picture_from_tensor(sample.image)).save(folder / f"{index}.jpg", quality=92)
        Image.fromarray(_millimetres(sample)).save(folder / f"{index}.png")
        lines.append(json.dumps({"image": f"{index}.jpg", "depth": f"{index}.png", "scale": 0.001}))
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _millimetres(sample: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    if sample.depth is None or sample.valid is None:
        raise ValueError("a scene without depth")
    millimetres = torch.where(sample.valid, sample.depth * 1000, 0.0).round().clamp(0, 65535)
    return millimetres.numpy().astype(np.uint16)


def stream_pass(folder: Path, *, side_px: int, batch_size: int) -> Work:
    """One epoch of our training stream over the folder, in this process."""
    steps = Pipeline([ResizeCover(side_px, side_px), RandomCrop(side_px, side_px), RandomFlip(), ColourJitter()])
    stream = SampleStream(
        open_labelled_folder(DatasetRequest(root=folder)), steps, LoaderSettings(batch_size=batch_size), shuffle=True
    )

    def run() -> int:
        return sum(len(batch.keys) for batch in stream.batches(epoch=0))

    return run


def pillow_pass(folder: Path, *, side_px: int) -> Work:
    """The same files decoded and resized to cover the side, by Pillow alone."""
    pictures, depths = sorted(folder.glob("*.jpg")), sorted(folder.glob("*.png"))
    size = (round(side_px * WIDTH_PX / HEIGHT_PX), side_px)

    def run() -> int:
        for picture, depth in zip(pictures, depths, strict=True):
            with Image.open(picture) as image:
                image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
            with Image.open(depth) as raster:
                raster.resize(size, Image.Resampling.NEAREST)
        return len(pictures)

    return run


def _rates(seconds: tuple[float, ...], images: int) -> Spread:
    return Spread.of([images / one for one in seconds])


def _procedural_row(settings: BenchmarkSettings) -> Row:
    scenes = ProceduralScenes(count=_SCENES, seed=0, height=192, width=256)

    def render() -> None:
        for index in range(_SCENES):
            scenes[index]

    render()
    rates = Spread.of([_SCENES / seconds_per_call(render, least_s=settings.least_s) for _ in range(settings.rounds)])
    return Row(
        name="procedural scenes, 256x192",
        value=rates.median,
        unit="images/s",
        spread=(rates.lower_quartile, rates.upper_quartile),
        expected=f"at least {PROCEDURAL_GOAL:g}",
        met=rates.median >= PROCEDURAL_GOAL,
        note=f"range {rates.least:.1f}-{rates.greatest:.1f}",
    )
