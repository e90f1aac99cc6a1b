# SPDX-License-Identifier: Apache-2.0
"""Flags of the form NAME=VALUE enter; values by name leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def named_values(words: Sequence[str], *, flag: str, form: str = "KEY=VALUE") -> dict[str, str]:
    """``["count=8"] -> {"count": "8"}``; hyphens in names become underscores, as in flags.

    Args:
        words: what followed ``flag``.
        flag, form: how the person wrote it and should have, for the refusal.

    Raises:
        UsageError: not of that form, or a name given twice.

    >>> named_values(["use-bfx-depth=true"], flag="--option")
    {'use_bfx_depth': 'true'}
    """
    values: dict[str, str] = {}
    for word in words:
        given, equals, value = word.partition("=")
        if not given or not equals or not value:
            raise UsageError(expected=f"{flag} {form}", got=repr(word), remedy="put the value behind an = sign")
        name = given.replace("-", "_")
        if name in values:
            raise UsageError(expected=f"{flag} once for {name}", got=f"'{values[name]}' and '{value}'", remedy="keep one")
        values[name] = value
    return values
