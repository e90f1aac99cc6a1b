# SPDX-License-Identifier: Apache-2.0
"""The scene of each row goes in, rows to train on and rows to hold out come out: disjoint, the same every time."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)


def hold_out(groups: Sequence[str], *, fraction: float) -> tuple[list[int], list[int]]:
    """Split rows so that no group is on both sides.

    Groups are walked in the order of the SHA-256 of their names, so the choice depends on neither list order nor chance;
    whole groups are held out until about ``fraction`` of the rows is.  A list of one single group has no scenes to
    separate: its last rows are held out instead, one block, with a warning that neighbours may look alike.

    Args:
        groups: the group of each row.
        fraction: wanted share of held-out rows, 0 (hold out nothing) to 0.5.

    Returns:
        (kept, held), ascending row indices; neither is empty when ``fraction`` > 0.

    Raises:
        UsageError: ``fraction`` outside [0, 0.5], or fewer than two rows to divide.
    """
    if not 0.0 <= fraction <= 0.5:
        raise UsageError(expected="a validation fraction from 0 to 0.5", got=str(fraction), remedy="choose e.g. 0.1")
    if fraction == 0.0:
        return list(range(len(groups))), []
    if len(groups) < 2:
        raise UsageError(
            expected="at least two frames to divide into train and val",
            got=str(len(groups)),
            remedy="ask for split 'all', or give train and val lists of their own",
        )
    sizes = Counter(groups)
    if len(sizes) == 1:
        first_held = len(groups) - math.ceil(fraction * len(groups))
        logger.warning("all %d frames are of one scene; the last %d are held out", len(groups), len(groups) - first_held)
        return list(range(first_held)), list(range(first_held, len(groups)))
    held_groups = _chosen(sizes, fraction)
    held = [index for index, group in enumerate(groups) if group in held_groups]
    return [index for index, group in enumerate(groups) if group not in held_groups], held


def _chosen(sizes: Counter[str], fraction: float) -> set[str]:
    total = sum(sizes.values())
    target = fraction * total
    largest = max(2 * target, min(sizes.values()))  # one huge scene must not swallow the training set
    chosen: set[str] = set()
    rows = 0
    for group in sorted(sizes, key=lambda name: hashlib.sha256(name.encode(errors="surrogatepass")).digest()):
        if rows >= target:
            break
        if rows + sizes[group] <= largest and rows + sizes[group] < total:
            chosen.add(group)
            rows += sizes[group]
    return chosen
