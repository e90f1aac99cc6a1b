# SPDX-License-Identifier: Apache-2.0
"""A file that a browser sent enters; its picture leaves, or one line that says which limit it broke."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError, UsageError, require
from leadline.rasters.images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one picture may cost the machine that the page runs on."""

    file_mb: int = 100
    """Largest file, in millions of bytes."""
    megapixels: float = 50.0
    """Largest picture, in millions of pixels."""
    time_s: float = 300.0
    """Longest prediction; it is asked after between tiles, for a network's pass cannot be broken off."""

    def __post_init__(self) -> None:
        require(self.file_mb >= 1, "a limit of at least 1 MB a file", self.file_mb, "e.g. 100")
        require(0 < self.megapixels <= 200, "a limit above 0 and of at most 200 megapixels", self.megapixels, "e.g. 50")
        require(0 < self.time_s < math.inf, "a time limit above 0 seconds", self.time_s, "e.g. 300")

    @property
    def sentence(self) -> str:
        """For the page; what the time limit cannot do is said too."""
        return (
            f"Up to {self.file_mb} MB and {self.megapixels:g} megapixels. A prediction in tiles is given up after "
            f"{self.time_s:g} s; one without tiles runs to its end."
        )


def read_upload(path: Path, limits: Limits) -> NDArray[np.uint8]:
    """The picture as (H, W, 3) uint8 RGB, upright.

    Raises:
        DataError: too large, or no whole picture; it names the file without the folder the server keeps it in.
    """
    size = path.stat().st_size
    if size > limits.file_mb * 1_000_000:
        raise DataError(
            expected=f"a file of at most {limits.file_mb} MB",
            got=f"{path.name} with {size / 1e6:.1f} MB",
            remedy="shrink it, or use `leadline predict`, which has no such limit",
        )
    try:
        return read_image(path, max_pixels=round(limits.megapixels * 1_000_000), apply_orientation=True)
    except DataError as error:
        remedy = error.remedy.replace("raise max_pixels", "start the app with a higher --max-megapixels")
        raise DataError(expected=error.expected, got=error.got.replace(str(path), path.name), remedy=remedy) from error


class Work:
    """Lets the server wait for what is being predicted: ending the process under a running network would abort it."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._busy = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        """One prediction at a time."""
        with self._busy:
            self.check()
            yield

    def check(self) -> None:
        """Called before a picture and between tiles.

        Raises:
            UsageError: the app is ending.
        """
        if self._ending.is_set():
            raise UsageError(expected="a running app", got="one that is ending", remedy="start it again")

    def end(self) -> None:
        """Refuse further work and wait for the network's pass at hand, at most one tile or picture."""
        self._ending.set()
        with self._busy:
            pass


class Deadline:
    """A clock that starts when it is made.

    Args:
        limit_s: seconds until ``check`` refuses.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._start_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._start_s

    def check(self, done: int, total: int) -> None:
        """Called between tiles.

        Raises:
            UsageError: the time is up and tiles are left.
        """
        if done < total and self.elapsed_s > self._limit_s:
            raise UsageError(
                expected=f"a prediction within {self._limit_s:g} s",
                got=f"{done} of {total} tiles by then",
                remedy="use larger tiles, or start the app with a higher --time-limit",
            )
