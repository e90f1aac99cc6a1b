# SPDX-License-Identifier: Apache-2.0
"""Where the reference numbers and real frames lie; a test that needs them is skipped with a reason where they are absent."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(relative: str) -> Path:
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"reference material {relative} is not beside this checkout")
    return path


def stored(name: str) -> dict[str, NDArray[np.float32]]:
    """Every array of ``fixtures/<name>.npz``."""
    with np.load(shared(f"fixtures/{name}.npz")) as archive:
        return {key: archive[key] for key in archive.files}
