# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D: cap 8 m, and NYU's box on pictures of every size, as ZoeDepth does."""

import torch

from leadline.contracts.sample import Sample
from leadline.evaluation.protocols.sunrgbd_zoe import SUNRGBD_ZOE
from leadline.evaluation.scoring import scored_pixels


def test_sunrgbd__caps_at_eight_metres_inside_nyus_box() -> None:
    depth_m = torch.full((530, 730), 7.9)
    depth_m[50] = 8.0
    depth_m[51] = 1e-4
    sample = Sample(key="s", dataset="sunrgbd", image=torch.zeros(3, 530, 730), depth=depth_m, valid=depth_m > 0)
    scored = scored_pixels(sample, SUNRGBD_ZOE)[1]
    assert int(scored.sum()) == 425 * 560
    assert scored[51, 41]
    assert not scored[50, 41]


def test_sunrgbd__averages_with_the_mirrored_prediction() -> None:
    assert SUNRGBD_ZOE.tta == "flip"
