# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import torch

from leadline.models.heads.taps import HeadTaps


def test_head_taps__cannot_be_changed_by_a_head() -> None:
    one = torch.zeros(1, 4, 2, 2)
    taps = HeadTaps(out_conv=one, bottleneck=one, pyramid=(one, one, one, one), relative=one[:, 0])
    with pytest.raises(FrozenInstanceError):
        taps.relative = one  # type: ignore[misc]
