# SPDX-License-Identifier: Apache-2.0
"""A condition on a model's configuration enters; nothing leaves where it holds, and one line where it does not."""

from __future__ import annotations

from typing import Any

from leadline.contracts.errors import UsageError
from leadline.contracts.errors import require as require_holds
from leadline.contracts.suggestions import did_you_mean


def require(holds: bool, expected: str, got: object, *named: str) -> None:  # noqa: FBT001
    """Raise ``UsageError`` unless ``holds``; ``named`` are the fields to blame, by their names in a recipe."""
    flags = " or ".join("--" + name.replace("_", "-") for name in named)  # recipes give these fields the same names
    require_holds(holds, expected, got, f"correct {flags or 'the model configuration'}")


def require_one_of(name: str, known: tuple[Any, ...], field: str | None = None) -> None:
    """Raise ``UsageError`` with the nearest known name unless ``name`` is known; ``field`` is blamed as in ``require``."""
    if name not in known:
        hint = did_you_mean(name, known, otherwise="correct the model configuration")
        flag = f" for --{field.replace('_', '-')}" if field else ""
        raise UsageError(expected=f"one of {', '.join(known)}{flag}", got=repr(name), remedy=hint)
