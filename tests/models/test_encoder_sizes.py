# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.models.encoder_sizes import BEIT_SIZES, DINOV2_SIZES, TOY_SIZES


@pytest.mark.parametrize("name", [*DINOV2_SIZES, *BEIT_SIZES])
def test_sizes__have_four_rising_taps_within_their_blocks_and_heads_that_share_their_width(name: str) -> None:
    size = DINOV2_SIZES.get(name) or BEIT_SIZES[name]
    assert list(size.taps) == sorted(set(size.taps))
    assert len(size.taps) == len(size.channels) == 4
    assert size.taps[-1] < size.depth
    assert size.dim % size.heads == 0


def test_toy_sizes__are_sizes() -> None:
    assert DINOV2_SIZES.keys() | BEIT_SIZES.keys() >= TOY_SIZES
