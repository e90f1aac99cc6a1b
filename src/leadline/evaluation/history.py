# SPDX-License-Identifier: Apache-2.0
"""The numbers of a training run: its ``metrics.jsonl`` enters, one curve per tag leaves."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from leadline.contracts.errors import DataError

_logger = logging.getLogger(__name__)
_AXES = ("step", "epoch")

Curve = list[tuple[float, float]]
"""(step, value) in the order they were written."""


def read_history(path: Path) -> dict[str, Curve]:
    """Tag -> curve, from lines ``{"step": 7, "epoch": 0, TAG: VALUE, ...}``.

    Values that are null (not finite when they were written) are left out.  A last line that was torn by a crash is left out
    with a warning; no file means no curves.

    Raises:
        DataError: another line is not such an object.
    """
    curves: dict[str, Curve] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
            step = float(values["step"])
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                _logger.warning("left out the torn last line of %s", path)
                break
            raise DataError(
                expected="a JSON object with a step and tagged numbers",
                got=f"line {number} of {path}: {line[:60]}",
                remedy="restore the file from the run, or remove the line",
            ) from error
        for tag, value in values.items():
            if tag not in _AXES and isinstance(value, (int, float)):
                curves.setdefault(tag, []).append((step, float(value)))
    return curves
