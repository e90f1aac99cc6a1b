# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.inference.stereo.agreement import agreement_of_views


def test_agreement__finds_what_the_other_view_does_not_see() -> None:
    """A strip 12 px near on columns 20 to 29 before 4 px: in the left view the 8 columns before it are hidden."""
    left = torch.full((1, 2, 50), 4.0)
    left[..., 20:30] = 12.0
    right = torch.full((1, 2, 50), 4.0)
    right[..., 8:18] = 12.0
    agreement = agreement_of_views(target_px=left, other_px=right, direction=1)[0, 0]
    assert [column for column in range(50) if agreement[column] < 0.5] == [*range(4), *range(12, 20)]
    mirrored = agreement_of_views(target_px=left.flip(2), other_px=right.flip(2), direction=-1)[0, 0]
    assert torch.equal(mirrored.flip(0), agreement)


def test_agreement__allows_large_disparities_a_twentieth() -> None:
    target = torch.full((1, 1, 400), 200.0)
    agreement = agreement_of_views(target_px=target, other_px=target + 5, direction=1)
    assert agreement[0, 0, 300].item() == pytest.approx(0.5)
