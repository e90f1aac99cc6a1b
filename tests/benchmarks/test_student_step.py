# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import pytest
import torch

from leadline.benchmarks.settings import BenchmarkSettings
from leadline.benchmarks.student_step import StudentLoop, make_pair, measure
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.training.placement import Placement


def test_measure__finds_a_ratio() -> None:
    report = measure(BenchmarkSettings(device="cpu", sides_px=(28,), batch_size=1, rounds=2, least_s=0.0))
    (row,) = report.rows
    assert row.value > 0
    assert row.expected == "at least 1.2"
    assert report.raw.keys() == {"28"}


def test_student_loop__learns_from_labels_as_from_the_teacher_that_said_them() -> None:

    placement = Placement(device=torch.device("cpu"))
    torch.manual_seed(3)
    teacher = DepthModel(DepthModelConfig(encoder="vits")).eval()
    labelled, bare = make_pair(28, 1, placement.device)
    with torch.no_grad():
        said = teacher(teacher.normalisation.apply(bare.image))

    written = dataclasses.replace(labelled, depth=said, valid=torch.ones_like(said, dtype=torch.bool))
    losses = [StudentLoop(None, placement).step(written), StudentLoop(teacher, placement).step(bare)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
