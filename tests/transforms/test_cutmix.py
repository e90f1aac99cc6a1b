# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.transforms.cutmix import CutMix, mixed


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_masks__are_one_rectangle_per_pair_within_the_limits() -> None:
    own = CutMix(p=1.0).masks(2000, height=70, width=100, generator=seeded())
    assert torch.equal(own[::2], own[1::2])
    heights, widths = own.any(dim=2).sum(dim=1), own.any(dim=1).sum(dim=1)
    assert torch.equal(heights * widths, own.sum(dim=(1, 2)))  # a full rectangle
    area, aspect = own.float().mean(dim=(1, 2)), heights / widths
    assert area.min() > 0.018
    assert area.max() < 0.41
    assert area.mean() == pytest.approx(0.21, abs=0.01)
    assert aspect.min() > 0.28
    assert aspect.max() < 3.6


def test_masks__reach_every_corner_and_every_pair_has_its_own() -> None:
    own = CutMix(p=1.0).masks(4000, height=20, width=20, generator=seeded())
    covered = own.float().mean(dim=0)
    assert all(covered[row, column] > 0 for row in (0, -1) for column in (0, -1))
    assert abs(covered - covered.flip(0)).max() < 0.05  # no side is preferred
    assert abs(covered - covered.flip(1)).max() < 0.05
    assert len(set(map(bytes, own[::2].numpy()))) > 1000


def test_masks__a_box_longer_than_the_picture_keeps_its_area() -> None:
    own = CutMix(p=1.0, area=(0.4, 0.4), aspect=(9.0, 9.0)).masks(2, height=50, width=50, generator=seeded())
    assert own[0].any(dim=1).all()
    assert own[0].float().mean() == pytest.approx(0.4)
    tall = CutMix(p=1.0, area=(0.4, 0.4), aspect=(0.1, 0.1)).masks(2, height=50, width=50, generator=seeded())
    assert tall[0].any(dim=0).all()
    assert tall[0].float().mean() == pytest.approx(0.4)


@pytest.mark.parametrize(("p", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_masks__as_many_pairs_are_mixed_as_the_chance_says(p: float, share: float) -> None:
    own = CutMix(p=p).masks(4000, height=8, width=8, generator=seeded())
    assert (~own).any(dim=2).any(dim=1).float().mean() == pytest.approx(share, abs=0.03)


def test_masks__the_last_of_an_odd_number_stays_whole() -> None:
    own = CutMix(p=1.0).masks(3, height=8, width=8, generator=seeded())
    assert not own[0].all()
    assert own[2].all()
    assert CutMix(p=1.0).masks(1, height=8, width=8, generator=seeded()).all()


def test_masks__the_quarter_is_always_the_top_left_one() -> None:
    own = CutMix(p=1.0, box="quarter").masks(2, height=4, width=6, generator=seeded())
    expected = torch.zeros(4, 6, dtype=torch.bool)
    expected[:2, :3] = True
    assert torch.equal(own, expected.expand(2, 4, 6))


def test_masks__drawn_by_batch_are_all_alike() -> None:
    for seed in range(5):
        own = CutMix(draw="batch").masks(6, height=12, width=12, generator=seeded(seed))
        assert torch.equal(own, own[:1].expand_as(own))
    lucky = [bool(CutMix(draw="batch").masks(2, height=8, width=8, generator=seeded(seed)).all()) for seed in range(20)]
    assert 0 < sum(lucky) < 20


def test_masks__are_the_generator_s_and_take_the_same_draws_whatever_happens() -> None:
    states = []
    for p in (0.0, 1.0):
        generator = seeded()
        CutMix(p=p).masks(6, height=8, width=8, generator=generator)
        states.append(generator.get_state())
    assert torch.equal(*states)
    first, again = (CutMix().masks(6, height=8, width=8, generator=seeded(4)) for _ in range(2))
    assert torch.equal(first, again)


def test_mixed__partners_swap_what_is_not_their_own() -> None:
    pictures = torch.arange(4.0)[:, None, None, None].expand(4, 3, 6, 6).clone()
    own = CutMix(p=1.0).masks(4, height=6, width=6, generator=seeded())
    found = mixed(pictures, own)
    for index, partner in enumerate((1, 0, 3, 2)):
        assert (found[index][:, own[index]] == index).all()
        assert (found[index][:, ~own[index]] == partner).all()


def test_mixed__labels_and_masks_follow_their_pictures() -> None:
    own = CutMix(p=1.0).masks(2, height=6, width=6, generator=seeded())
    labels, valid = torch.rand(2, 6, 6), torch.rand(2, 6, 6) > 0.5
    assert torch.equal(mixed(labels, own), mixed(labels[:, None], own)[:, 0])
    stitched = mixed(valid, own)
    assert stitched.dtype == torch.bool
    assert torch.equal(stitched[0], torch.where(own[0], valid[0], valid[1]))


def test_mixed__the_last_of_an_odd_number_is_as_it_was() -> None:
    pictures = torch.rand(3, 3, 6, 6)
    own = CutMix(p=1.0).masks(3, height=6, width=6, generator=seeded())
    found = mixed(pictures, own)
    assert torch.equal(found[2], pictures[2])
    assert not torch.equal(found[0], pictures[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p": 1.5}, r"expected a chance to mix in \[0, 1\]; got 1.5"),
        ({"area": (0.4, 0.02)}, r"expected areas as rising shares in \(0, 1\]; got \(0.4, 0.02\)"),
        ({"aspect": (0.0, 1.0)}, r"expected rising aspects above 0; got \(0.0, 1.0\)"),
    ],
)
def test_cut_mix__what_cannot_be_drawn_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CutMix(**changes)
