# SPDX-License-Identifier: Apache-2.0
"""An object that, unpickled without care, makes a file."""

from __future__ import annotations

from pathlib import Path


class Payload:
    """Unpickling it would run code: touch ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)
