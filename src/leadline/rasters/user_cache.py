# SPDX-License-Identifier: Apache-2.0
"""The environment enters; the folder in which Leadline keeps what can be made again leaves."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "LEADLINE_CACHE"


def cache_folder() -> Path:
    """Where graphs and indices are kept: ``$LEADLINE_CACHE``, or the place the system keeps for such things."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadline"
