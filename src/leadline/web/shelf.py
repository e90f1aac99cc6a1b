# SPDX-License-Identifier: Apache-2.0
"""Models named at the start enter; the predictor of the one chosen on the page leaves, loaded when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.inference.runtimes.choose import Runtime, RuntimeRequest, open_predictor

if TYPE_CHECKING:
    from leadline.inference.predict_files import PredictsByNetwork


_LONGEST_SHOWN = 36


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """How every model is opened; as for ``leadline.inference.predictor.load``."""

    device: str = "auto"
    precision: str = "auto"
    architecture: str | None = None
    runtime: Runtime = "auto"


class Shelf:
    """Models by the names they were given; one is in memory at a time, for they are large.

    A browser chooses among the names and can bring no path of its own.

    Args:
        names: MODELs as on the command line, the first of which is shown first.
        loading: for all of them.
    """

    def __init__(self, names: Sequence[str], loading: Loading) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._loading = loading
        self._lock = threading.Lock()
        self._open: tuple[str, PredictsByNetwork] | None = None

    def predictor(self, name: str) -> PredictsByNetwork:
        """The predictor of that name.

        Raises:
            UsageError: a name that is not on the shelf.
            UsageError, WeightsError, DataError, MissingExtraError: it cannot be opened.
        """
        if name not in self.names:
            raise UsageError(expected=f"a model of {', '.join(self.names)}", got=repr(name), remedy="choose one of them")
        with self._lock:
            if self._open is None or self._open[0] != name:
                self._open = None  # the other one's memory is free before this one takes its own
                request = RuntimeRequest(
                    source=name,
                    runtime=self._loading.runtime,
                    device=self._loading.device,
                    precision=self._loading.precision,
                    architecture=self._loading.architecture,
                )
                self._open = (name, open_predictor(request).predictor)
            return self._open[1]


def short_names(names: Sequence[str]) -> list[str]:
    """What tells each from the others and fits into a list: the last parts of its path, cut in the middle where still long.

    >>> short_names(["hf:org/small", "/data/runs/a/checkpoint_best", "/data/runs/b/checkpoint_best"])
    ['small', 'a/checkpoint_best', 'b/checkpoint_best']
    """
    parts = [name.removeprefix("hf:").rstrip("/").split("/") for name in names]
    short = []
    for one in parts:
        count = next((n for n in range(1, len(one) + 1) if sum(other[-n:] == one[-n:] for other in parts) == 1), len(one))
        short.append(_cut("/".join(one[-count:])))
    return short if len(set(short)) == len(names) else list(names)


def _cut(name: str) -> str:
    half = (_LONGEST_SHOWN - 1) // 2
    return name if len(name) <= _LONGEST_SHOWN else f"{name[:half]}…{name[-half:]}"
