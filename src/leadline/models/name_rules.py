# SPDX-License-Identifier: Apache-2.0
"""Pairs of names with blanks enter, a function that renames by them leaves; and tensors are renamed without losing one.

A name like ``blocks.{i}.attn`` stands for itself and for everything below it; ``{i}`` is a number, ``{d}`` a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from torch import Tensor

from leadline.contracts.errors import WeightsError

NameRules = tuple[tuple[str, str], ...]
_BLANKS = {"i": r"(?P<i>\d+)", "d": r"(?P<d>[A-Za-z_]\w*)"}


def renamer(rules: Iterable[tuple[str, str]]) -> Callable[[str], str | None]:
    """A function from a name to its new name by the first pair (old, new) that fits, or to None where none does.

    >>> rename = renamer([("layer.{i}.key", "blocks.{i}.k")])
    >>> rename("layer.12.key.weight"), rename("layer.12.keys")
    ('blocks.12.k.weight', None)
    """
    compiled = [(re.compile(_pattern(old)), re.sub(r"\{(\w)\}", r"\\g<\1>", new)) for old, new in rules]

    def rename(name: str) -> str | None:
        for pattern, template in compiled:
            match = pattern.match(name)
            if match:
                return match.expand(template) + name[match.end() :]
        return None

    return rename


def turned(rules: NameRules) -> NameRules:
    """The same pairs for the way back."""
    return tuple((new, old) for old, new in rules)


def renamed(tensors: dict[str, Tensor], rename: Callable[[str], str]) -> dict[str, Tensor]:
    """The same tensors, of any shape, each under what ``rename`` makes of its name.

    Raises:
        WeightsError: two names become one.
    """
    origins: dict[str, str] = {}
    for name in tensors:
        new = rename(name)
        first = origins.setdefault(new, name)
        if first != name:
            raise WeightsError(
                expected="each tensor once in a weights file",
                got=f"{first!r} and {name!r}, which both are {new!r}",
                remedy="remove one of the two from the file",
            )
    return {new: tensors[name] for new, name in origins.items()}


def _pattern(name: str) -> str:
    text = re.sub(r"\\\{(\w)\\\}", lambda blank: _BLANKS[blank[1]], re.escape(name))
    return text + r"(?=\.|$)"
