# SPDX-License-Identifier: Apache-2.0
"""What every benchmark may be told; a 0 or nothing leaves the choice to the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.contracts.errors import UsageError

ROUNDS = 7
LEAST_S = 0.3
"""Seconds that a measurement lasts at least where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkSettings:
    """How to measure.

    Attributes:
        device: where networks run, as --device says it.
        rounds: of peer - ours - peer; one alone would have no spread.
        least_s: seconds a single measurement lasts at least.
        sides_px: sides of the square pictures; empty takes the benchmark's own.
        batch_size: pictures per step or batch; 0 takes the benchmark's own.
    """

    device: str = "auto"
    rounds: int = ROUNDS
    least_s: float = LEAST_S
    sides_px: tuple[int, ...] = ()
    batch_size: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if self.rounds < 2 or self.batch_size < 0 or any(side < 14 or side % 14 for side in self.sides_px):
            raise UsageError(
                expected="rounds of 2 or more, a batch size of 0 or more and sides that are multiples of 14",
                got=f"rounds {self.rounds}, batch size {self.batch_size}, sides {list(self.sides_px)}",
                remedy=f"e.g. --rounds {ROUNDS} --sides-px 252 518",
            )
