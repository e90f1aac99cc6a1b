# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.heads.metric_sigmoid import SigmoidHead
from leadline.models.heads.taps import HeadTaps


def taps(logit: Tensor) -> HeadTaps:
    unused = torch.full((1, 4, 1, 3), torch.nan)
    return HeadTaps(out_conv=unused, bottleneck=unused, pyramid=(unused,) * 4, relative=logit)


def test_sigmoid_head__scales_the_sigmoid_to_metres() -> None:
    depth_m = SigmoidHead(SigmoidHeadConfig(max_depth_m=80.0))(taps(torch.tensor([[[0.0, 3.0, -3.0]]])))
    assert depth_m[0, 0].tolist() == pytest.approx([40.0, 76.20593, 3.79407], abs=1e-4)


def test_sigmoid_head__computes_in_float32_under_autocast() -> None:
    logit = torch.tensor([[[1.0, 1.5, 2.0]]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        depth_m = SigmoidHead(SigmoidHeadConfig())(taps(logit.bfloat16()))
    assert depth_m.dtype == torch.float32
    torch.testing.assert_close(depth_m, 20 * logit.sigmoid())
