# SPDX-License-Identifier: Apache-2.0
"""Fields of a model's configuration enter; what to say of a wrong one leaves."""

from __future__ import annotations

from typing import Any

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean


def correct(*named: str) -> str:
    """The remedy that blames fields by their names in a recipe, where their flags have the same.

    >>> correct("min_temp", "max_temp"), correct()
    ('correct --min-temp or --max-temp', 'correct the model configuration')
    """
    flags = " or ".join("--" + name.replace("_", "-") for name in named)
    return f"correct {flags or 'the model configuration'}"


def require_one_of(name: str, known: tuple[Any, ...], field: str | None = None) -> None:
    """Raise ``UsageError`` with the nearest known name unless ``name`` is known; ``field`` is the flag that gave it."""
    if name not in known:
        hint = did_you_mean(name, known, otherwise=correct())
        flag = f" for --{field.replace('_', '-')}" if field else ""
        raise UsageError(expected=f"one of {', '.join(known)}{flag}", got=repr(name), remedy=hint)
