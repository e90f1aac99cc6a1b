# SPDX-License-Identifier: Apache-2.0
"""Leadline: train, distil, evaluate, label with, export and run monocular depth models.

The one public door.  Names are resolved on first use, so that ``import leadline`` and ``leadline --help`` stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadline.contracts.depth_map import DepthKind, DepthMap
    from leadline.contracts.errors import LeadlineError
    from leadline.inference.predictor import Predictor, load

__version__ = "0.1.0"
__all__ = ["DepthKind", "DepthMap", "LeadlineError", "Predictor", "load"]

_HOME = {
    "DepthKind": "leadline.contracts.depth_map",
    "DepthMap": "leadline.contracts.depth_map",
    "LeadlineError": "leadline.contracts.errors",
    "Predictor": "leadline.inference.predictor",
    "load": "leadline.inference.predictor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'leadline' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
