# SPDX-License-Identifier: Apache-2.0
"""Pairs as they were taken and as the network sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.recipes.stereo.pair import pair_colours, pair_of
from leadline.transforms.pair_colours import GammaColours, JitterColours
from tests.recipes.stereo.toy import shifted_batch, toy_config


def test_pair_of__shows_both_views_in_the_same_changed_colours_and_keeps_the_clean_ones() -> None:
    batch = shifted_batch(disparity_px=5)
    torch.manual_seed(3)
    pair = pair_of(batch, GammaColours(p=1.0))
    assert torch.equal(pair.left, batch.image)
    assert not torch.equal(pair.seen_left, pair.left)
    assert torch.allclose(pair.seen_left[..., 5:], pair.seen_right[..., :-5])
    torch.manual_seed(3)
    assert torch.equal(pair_of(batch, GammaColours(p=1.0)).seen_right, pair.seen_right)


def test_pair_of__one_view_is_refused() -> None:
    with pytest.raises(ContractError, match="rectified pairs; got one view in pair0"):
        pair_of(replace(shifted_batch(), stereo=None), None)


def test_one__is_that_pair_alone() -> None:
    pair = pair_of(shifted_batch(pairs=3), None)
    one = pair.one(1)
    assert one.size == pair.size
    assert torch.equal(one.right, pair.right[1:2])


def test_pair_colours__are_those_of_the_flags() -> None:
    assert isinstance(pair_colours(toy_config()), GammaColours)
    assert isinstance(pair_colours(toy_config(colours="monodepth2")), JitterColours)
    assert pair_colours(toy_config(augment=False)) is None
    assert pair_colours(toy_config(colour_jitter=False)) is None
