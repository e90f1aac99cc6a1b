# SPDX-License-Identifier: Apache-2.0
"""The benchmark of a stereo update, at a size of no interest."""

from __future__ import annotations

import torch

from leadline.benchmarks.settings import BenchmarkSettings
from leadline.benchmarks.stereo_step import made_up_pairs, step_report

CPU = torch.device("cpu")


def test_step_report__times_an_update_and_its_parts_and_compares_losses() -> None:
    report = step_report(BenchmarkSettings(rounds=2, least_s=0.0), CPU, size=(64, 128), encoder="dinov2-toy")
    names = [row.name.strip() for row in report.rows]
    assert names[0].startswith("loss of the first 3 updates")
    assert {"stage mono, bf16", "stage stereo, bf16", "stage refine, by itself, bf16"} <= set(names)
    assert all(row.value >= 0 for row in report.rows)
    assert report.rows[0].met is not None
    assert [row.met for row in report.rows[1:]] == [None] * (len(names) - 1)


def test_made_up_pairs__have_one_disparity_and_are_always_the_same() -> None:
    one, other = made_up_pairs(2, (64, 128)), made_up_pairs(2, (64, 128))
    assert one.stereo is not None
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.image[..., 24:], one.stereo.image[..., :-24])
