# SPDX-License-Identifier: Apache-2.0
"""The stored numbers of earlier projects as tensors, the single channel of maps taken away."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.shared_paths import stored


def peer_tensors(name: str) -> dict[str, Tensor]:
    """Every array of ``fixtures/<name>.npz``; maps (B,1,H,W) as (B,H,W).  Skips where the fixtures are absent."""
    tensors = {key: torch.from_numpy(array) for key, array in stored(name).items()}
    return {key: one.squeeze(1) if one.ndim == 4 and one.shape[1] == 1 else one for key, one in tensors.items()}
