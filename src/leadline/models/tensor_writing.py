# SPDX-License-Identifier: Apache-2.0
"""Tensors by name enter; a safetensors file that whoever may read its folder's files can read leaves."""

from __future__ import annotations

import stat
import uuid
from typing import TYPE_CHECKING

from safetensors.torch import save_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write ``tensors``, of any shape and type, to ``path``, with the permissions that any new file has there.

    safetensors makes its files readable by their owner alone, so a colleague could not load what a run has learned.
    What the system or safetensors refuses goes through as it is.
    """
    save_file(dict(tensors), path, metadata=metadata)
    usual = path.with_name(f".{uuid.uuid4().hex[:8]}.partial")
    usual.touch()
    try:
        path.chmod(stat.S_IMODE(usual.stat().st_mode))
    finally:
        usual.unlink()
