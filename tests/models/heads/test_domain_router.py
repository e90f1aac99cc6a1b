# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import torch

from leadline.models.heads.domain_router import WIDTH, PatchTransformer, domain_classifier, sinusoids


def test_sinusoids__sines_come_first_and_slow_down_towards_the_base() -> None:
    code = sinusoids(3, 4)
    expected = [math.sin(2.0), math.sin(2.0 / 100), math.cos(2.0), math.cos(2.0 / 100)]
    torch.testing.assert_close(code[2], torch.tensor(expected))


def test_patch_transformer__reads_maps_of_any_size_and_sees_where_things_are() -> None:
    torch.manual_seed(0)
    net = PatchTransformer(8).eval()
    features = torch.randn(2, 8, 3, 5)
    assert net(features).shape == (2, WIDTH)
    assert net(features[:, :, :, :2]).shape == (2, WIDTH)
    assert (net(features) - net(features.flip(-1))).abs().max() > 1e-3
    assert domain_classifier(3)(net(features)).shape == (2, 3)
