# SPDX-License-Identifier: Apache-2.0
"""What a user says of neighbouring frames enters, e.g. ``-1,1``; the offsets, in frames and sorted, leave."""

from __future__ import annotations

from leadline.contracts.errors import UsageError


def offsets_from(text: str, dataset: str) -> tuple[int, ...]:
    """Numbers of frames with commas between, earlier ones below 0; empty text asks for no neighbours.

    Raises:
        UsageError: something that is no whole number, 0, or a number that is there twice; ``dataset`` is named.

    >>> offsets_from("1,-1", "procedural")
    (-1, 1)
    """
    try:
        offsets = sorted(int(word) for word in text.split(",")) if text.strip() else []
    except ValueError:
        offsets = [0]
    if 0 in offsets or len(set(offsets)) < len(offsets):
        raise UsageError(
            expected=f"option 'neighbours' of dataset '{dataset}' to be whole numbers of frames, none 0, each once",
            got=repr(text),
            remedy="write e.g. neighbours=-1,1",
        )
    return tuple(offsets)
