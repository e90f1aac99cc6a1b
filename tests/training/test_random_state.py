# SPDX-License-Identifier: Apache-2.0
"""Generators that can be put back."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from leadline.training.random_state import captured, restore, seed_all, seed_from

CPU = torch.device("cpu")


def draw() -> tuple[float, ...]:
    return (
        float(torch.rand(())),
        float(torch.randn(())),
        float(np.random.rand()),
        float(np.random.randn()),
        random.random(),
        random.gauss(0, 1),
    )


def test_restore__repeats_every_generator() -> None:
    for _ in range(2):  # an odd number of gaussians leaves one stored in numpy and in Python
        draw()
        states = captured(CPU)
        first = draw(), draw()
        restore(states, CPU)
        assert (draw(), draw()) == first


def test_seed_all__sets_every_generator() -> None:
    seed_all(5, CPU)
    first = draw()
    seed_all(6, CPU)
    other = draw()
    seed_all(5, CPU)
    assert draw() == first
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_mps__is_seeded_captured_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    device, generator = torch.device("mps"), torch.Generator()
    monkeypatch.setattr(torch.mps, "manual_seed", generator.manual_seed)
    monkeypatch.setattr(torch.mps, "get_rng_state", generator.get_state)
    monkeypatch.setattr(torch.mps, "set_rng_state", generator.set_state)
    seed_all(5, device)
    assert generator.initial_seed() == 5
    states = captured(device)
    first = torch.rand(3, generator=generator)
    restore(states, device)
    assert torch.equal(torch.rand(3, generator=generator), first)
    restore(captured(CPU), device)  # a run that was saved on another kind of device
    restore(states, CPU)


def test_seed_from__differs_in_every_part_and_is_stable() -> None:
    assert seed_from(1, "batch", 23) == seed_from(1, "batch", 23)
    seeds = {seed_from(seed, kind, rank, n) for seed in range(3) for kind in "ab" for rank in range(3) for n in range(30)}
    assert len(seeds) == 540
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seed_from__does_not_confuse_neighbouring_parts() -> None:
    assert seed_from(1, 23) != seed_from(12, 3)
