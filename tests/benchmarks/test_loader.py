# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.benchmarks.loader import measure, one_thread, pillow_pass, stream_pass, write_pictures
from leadline.benchmarks.settings import BenchmarkSettings
from leadline.data.labelled_folder import open_labelled_folder
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.data.request import DatasetRequest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(folder, count=2)
    return folder


def test_write_pictures__stores_the_scenes_depth_in_millimetres(folder: Path) -> None:
    scene = ProceduralScenes(count=2, seed=0, height=480, width=640)[1]
    assert scene.depth is not None
    assert scene.valid is not None
    stored = np.asarray(Image.open(folder / "1.png")).astype(np.float64) / 1000
    held = scene.valid.numpy() & (scene.depth.numpy() < 65)
    assert np.abs(stored - scene.depth.numpy())[held].max() <= 0.00051
    assert (stored[~scene.valid.numpy()] == 0).all()


def test_write_pictures__makes_a_folder_that_the_reader_takes(folder: Path) -> None:
    sample = open_labelled_folder(DatasetRequest(root=folder))[0]
    assert sample.image.shape == (3, 480, 640)


def test_both_passes__read_every_picture(folder: Path) -> None:
    assert stream_pass(folder, side_px=56, batch_size=2)() == 2
    assert pillow_pass(folder, side_px=56)() == 2


def test_one_thread__gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.slow
def test_measure__reports_the_ratio_and_the_procedural_rate() -> None:
    report = measure(BenchmarkSettings(rounds=2, least_s=0.0, sides_px=(56,)))
    names = {row.name: row for row in report.rows}
    ratio = next(row for name, row in names.items() if "ours over Pillow" in name)
    assert ratio.unit == "x"
    assert ratio.value > 0.05
    assert names["procedural scenes, 256x192"].unit == "images/s"
