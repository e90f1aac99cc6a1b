# SPDX-License-Identifier: Apache-2.0
"""The names of the pairs of losses that disparity can be learned by.  Free of torch."""

from __future__ import annotations

from typing import Literal

Objective = Literal["affine-invariant", "log"]
