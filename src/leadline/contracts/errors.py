# SPDX-License-Identifier: Apache-2.0
"""The one family of errors a user may see: what was expected, what came, and the remedy."""

from __future__ import annotations

from functools import partial


class LeadlineError(Exception):
    """A user's mistake or a broken input.  The command line prints it on one line and exits with 2.

    Args:
        expected: what Leadline needed, e.g. ``"a depth raster of 480x640"``.
        got: what it found, naming the file, key or value.
        remedy: what to do about it, e.g. ``"pass --nyu-root with the folder that holds data/"``.
    """

    def __init__(self, *, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(" ".join(f"expected {expected}; got {got}; {remedy}".split()))

    def __reduce__(self) -> tuple[partial[LeadlineError], tuple[()]]:
        """As it was, when it comes from another process; an exception's own way knows no keywords."""
        return partial(type(self), expected=self.expected, got=self.got, remedy=self.remedy), ()


class UsageError(LeadlineError):
    """A flag, name or combination that does not exist or cannot be meant."""


class ContractError(LeadlineError):
    """Two rooms that do not fit: a dataset without a needed field, a claim too strong for its kind."""


class DataError(LeadlineError):
    """A file that cannot be read as what it should be; the message names the file."""


class WeightsError(LeadlineError):
    """Weights that do not belong to the model, or whose version is ambiguous."""


class StorageError(LeadlineError):
    """A folder that cannot be written (read-only, full, another run's), or a checkpoint that is damaged or missing."""


class NonFiniteError(LeadlineError):
    """A loss or gradient that is NaN or infinite; raised before the optimiser moved anything."""


class MissingExtraError(LeadlineError):
    """An optional package that is not installed; the remedy is the install command."""


def require(holds: bool, expected: str, got: object, remedy: str) -> None:  # noqa: FBT001
    """Refuse a setting that cannot be meant.

    Args:
        holds: the condition.
        expected, remedy: as in ``LeadlineError``.
        got: the value, shown as Python writes it.

    Raises:
        UsageError: the condition does not hold.
    """
    if not holds:
        raise UsageError(expected=expected, got=repr(got), remedy=remedy)
