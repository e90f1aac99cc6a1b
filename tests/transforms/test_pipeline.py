# SPDX-License-Identifier: Apache-2.0
"""Transforms in a row."""

from __future__ import annotations

from dataclasses import replace

import torch

from leadline.contracts.sample import Sample
from leadline.transforms.photometric import ColourJitter
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.rotation import RandomRotation
from leadline.transforms.spatial import RandomCrop, RandomFlip, ResizeCover, ValidRange
from tests.transforms.coordinates import plane_sample

TRAINING = Pipeline(
    [
        ResizeCover(40, 40),
        RandomRotation(),
        RandomCrop(40, 40),
        RandomFlip(),
        ColourJitter(),
        ValidRange(0.1, 10.0),
    ]
)


class Add:
    def __init__(self, amount: float) -> None:
        self.amount = amount

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        del generator
        return replace(sample, image=sample.image * 2 + self.amount)


def run(seed: int) -> Sample:
    return TRAINING(plane_sample(), torch.Generator().manual_seed(seed))


def test_pipeline__applies_its_steps_first_to_last() -> None:
    sample = Sample(key="k", dataset="d", image=torch.ones(3, 1, 1))
    changed = Pipeline([Add(1.0), Add(10.0)])(sample, torch.Generator())
    assert changed.image.flatten().tolist() == [16.0] * 3


def test_pipeline__without_steps_changes_nothing() -> None:
    sample = plane_sample()
    assert Pipeline()(sample, torch.Generator()) is sample


def test_pipeline__is_itself_a_step() -> None:
    nested = Pipeline([Pipeline([Add(1.0)]), Add(10.0)])
    sample = Sample(key="k", dataset="d", image=torch.ones(3, 1, 1))
    assert nested(sample, torch.Generator()).image.flatten().tolist() == [16.0] * 3


def test_pipeline__repeats_with_the_seed_and_differs_with_another() -> None:
    first, again, other = run(3), run(3), run(4)
    assert torch.equal(first.image, again.image)
    assert not torch.equal(first.image, other.image)


def test_pipeline__takes_the_same_number_of_draws_whatever_is_decided() -> None:
    after = set()
    for p in (0.0, 1.0):
        generator = torch.Generator().manual_seed(5)
        Pipeline([RandomFlip(p), ColourJitter(p)])(plane_sample(), generator)
        after.add(float(torch.rand((), generator=generator)))
    assert len(after) == 1


def test_pipeline__says_what_it_does() -> None:
    assert repr(Pipeline([RandomFlip(0.5)])) == "Pipeline(RandomFlip(p=0.5, keep='depth'))"
