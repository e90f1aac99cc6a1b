# SPDX-License-Identifier: Apache-2.0
"""Two ways of doing the same work enter; how much faster one is than the other leaves, with spread and noise floor.

A ratio of two runs on a shared machine says little: the machine changes between them.  So both are timed in turns,
peer - ours - peer; the peer's two times of a round are an A/A comparison, and the median over rounds is reported.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Median, quartiles and extremes of repeated measurements."""

    median: float
    lower_quartile: float
    upper_quartile: float
    least: float
    greatest: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """The spread of at least one value.

        >>> Spread.of([1.0, 2.0, 3.0, 4.0, 5.0])
        Spread(median=3.0, lower_quartile=2.0, upper_quartile=4.0, least=1.0, greatest=5.0)
        """
        quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
        return Spread(
            median=quartiles[1],
            lower_quartile=quartiles[0],
            upper_quartile=quartiles[2],
            least=min(values),
            greatest=max(values),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Ours against a peer; ``ratio`` and ``noise`` are spreads over the rounds.

    Attributes:
        ours_s: seconds per unit of work, one number per round.
        peer_s: the peer's, two numbers per round: before ours and after it.
    """

    ours_s: tuple[float, ...]
    peer_s: tuple[float, ...]

    @property
    def ratio(self) -> Spread:
        """How many times faster ours is than the peer: the mean of the peer's two times of a round over our one."""
        pairs = zip(self.peer_s[::2], self.peer_s[1::2], self.ours_s, strict=True)
        return Spread.of([(before + after) / 2 / ours for before, after, ours in pairs])

    @property
    def noise(self) -> Spread:
        """|after / before - 1| of the peer's two times of a round: what an A/A comparison shows where nothing differs."""
        pairs = zip(self.peer_s[::2], self.peer_s[1::2], strict=True)
        return Spread.of([abs(after / before - 1) for before, after in pairs])

    @property
    def is_beyond_noise(self) -> bool:
        """True when the median ratio differs from 1 by more than twice the median noise; smaller ones claim nothing."""
        return abs(self.ratio.median - 1) > 2 * self.noise.median


def compare(*, ours: Work, peer: Work, rounds: int, least_s: float) -> Comparison:
    """Time both in turns.  Both are run once before, so that neither pays for caches and compilation.

    Args:
        ours, peer: the same unit of work; on an accelerator each must wait for its own result.
        rounds: peer - ours - peer, so many times.
        least_s: a measurement repeats its work until so many seconds have passed.
    """
    peer()
    ours()
    ours_s: list[float] = []
    peer_s: list[float] = []
    for _ in range(rounds):
        peer_s.append(seconds_per_call(peer, least_s=least_s))
        ours_s.append(seconds_per_call(ours, least_s=least_s))
        peer_s.append(seconds_per_call(peer, least_s=least_s))
    return Comparison(ours_s=tuple(ours_s), peer_s=tuple(peer_s))


def seconds_per_call(work: Work, *, least_s: float) -> float:
    """Mean seconds per call over as many calls as fill ``least_s``, at least one."""
    calls = 0
    start = time.perf_counter()
    while True:
        work()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= least_s:
            return elapsed / calls
