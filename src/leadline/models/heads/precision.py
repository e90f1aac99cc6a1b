# SPDX-License-Identifier: Apache-2.0
"""A tensor of any floating type enters, the same in at least single precision leaves."""

from __future__ import annotations

from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """bfloat16 and float16 become float32; float32 and float64 stay as they are.  (...) -> (...), same unit.

    >>> import torch
    >>> at_least_float32(torch.ones(2, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return values.float() if values.dtype.itemsize < 4 else values
