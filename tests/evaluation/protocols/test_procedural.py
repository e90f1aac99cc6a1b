# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes: everything that has depth is scored, up to and with the farthest."""

import torch

from leadline.contracts.sample import Sample
from leadline.data.procedural.scenes import FARTHEST_M, ProceduralScenes
from leadline.evaluation.protocols.procedural import PROCEDURAL
from leadline.evaluation.scoring import scored_pixels


def test_procedural__scores_the_farthest_metre_too() -> None:
    depth_m = torch.tensor([[1.0, FARTHEST_M]])
    sample = Sample(key="p", dataset="procedural", image=torch.zeros(3, 1, 2), depth=depth_m, valid=depth_m > 0)
    assert int(scored_pixels(sample, PROCEDURAL)[1].sum()) == 2


def test_procedural__scores_exactly_the_valid_pixels() -> None:
    assert PROCEDURAL.range_m[1] == FARTHEST_M
    scenes = ProceduralScenes(count=4, height=48, width=64, split="test")
    for index in range(4):
        sample: Sample = scenes[index]
        assert sample.valid is not None
        assert bool((scored_pixels(sample, PROCEDURAL)[1] == sample.valid).all())
