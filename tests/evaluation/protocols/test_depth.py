# SPDX-License-Identifier: Apache-2.0
"""The plain protocol: any dataset, any alignment, any size; too few pixels are left out."""

from dataclasses import replace

import pytest
import torch

from leadline.contracts.sample import Sample
from leadline.evaluation.protocol import UnscorableError
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.scoring import scored_pixels
from leadline.geometry.alignment import Alignment


def test_depth__scores_the_ends_of_its_range() -> None:
    depth_m = torch.tensor([[1e-3] * 5 + [80.0] * 5 + [80.1] * 5])
    sample = Sample(key="d", dataset="own", image=torch.zeros(3, 1, 15), depth=depth_m, valid=depth_m > 0)
    assert int(scored_pixels(sample, DEPTH)[1].sum()) == 10


def test_depth__allows_every_alignment_and_dataset() -> None:
    assert DEPTH.dataset is None
    for alignment in Alignment:
        assert replace(DEPTH, alignment=alignment).alignment is alignment


@pytest.mark.parametrize(("pixels", "fits"), [(10, True), (9, False)])
def test_depth__needs_ten_pixels(*, pixels: int, fits: bool) -> None:
    depth_m = torch.ones(1, pixels)
    sample = Sample(key="d", dataset="own", image=torch.zeros(3, 1, pixels), depth=depth_m, valid=depth_m > 0)
    if fits:
        assert int(scored_pixels(sample, DEPTH)[1].sum()) == 10
    else:
        with pytest.raises(UnscorableError):
            scored_pixels(sample, DEPTH)
