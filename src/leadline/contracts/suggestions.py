# SPDX-License-Identifier: Apache-2.0
"""A misspelt name and the names there are enter; the remedy sentence naming the nearest leaves."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name whose initials are ``name``, else that which looks most like it, or None where none is alike.

    >>> nearest("evalaute", ["evaluate", "predict"])
    'evaluate'
    >>> nearest("--bs", ["--n-bins", "--batch-size"])
    '--batch-size'
    >>> nearest("zzz", ["evaluate", "predict"]) is None
    True
    """
    names = list(known)
    spelt = name.strip("-").replace("_", "-").lower()
    for one in names:
        if len(spelt) > 1 and spelt == "".join(word[0] for word in one.strip("-").replace("_", "-").split("-") if word):
            return one
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str | None = None) -> str:
    """``did you mean X?`` where something is alike, else ``otherwise``, else ``choose one of ...``.

    >>> did_you_mean("predcit", ["evaluate", "predict"])
    'did you mean predict?'
    >>> did_you_mean("zzz", ["evaluate", "predict"])
    'choose one of evaluate, predict'
    >>> did_you_mean("zzz", ["evaluate", "predict"], otherwise="leave it out")
    'leave it out'
    """
    names = list(known)
    match = nearest(name, names)
    return f"did you mean {match}?" if match else otherwise or f"choose one of {', '.join(names)}"
