# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from leadline.models.heads.relative import RelativeHead
from leadline.models.heads.taps import HeadTaps


def test_relative_head__is_the_relu_of_the_last_logit() -> None:
    logit = torch.tensor([[[-1.0, 0.0, 2.5]]])
    unused = torch.full((1, 4, 1, 3), torch.nan)
    taps = HeadTaps(out_conv=unused, bottleneck=unused, pyramid=(unused,) * 4, relative=logit)
    assert RelativeHead()(taps).tolist() == [[[0.0, 0.0, 2.5]]]
