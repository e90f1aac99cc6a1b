# SPDX-License-Identifier: Apache-2.0
"""What a user names as a MODEL enters; where it lies on this disk leaves, or what to do about a name that is nowhere."""

from __future__ import annotations

from pathlib import Path

from leadline.contracts.errors import WeightsError
from leadline.contracts.model_forms import MODEL_FORMS
from leadline.contracts.paths import exists, is_file
from leadline.contracts.suggestions import nearest
from leadline.models.checkpoint_folder import DESCRIPTION, TENSORS
from leadline.models.hub import HUB_PREFIX, fetch, parse_hub_name
from leadline.models.presets import PRESETS

RANDOM_PREFIX = "random:"  # asks for a preset without weights, e.g. "random:depth-anything-v2-small"
_RUN_CHECKPOINTS = ("checkpoint_best", "checkpoint_latest")


def checkpoint_folder(path: Path) -> Path | None:
    """The checkpoint a path stands for: itself, its run's best or latest, the folder of its ``model.safetensors``, or None.

    Raises:
        WeightsError: a folder that holds no checkpoint.
    """
    if is_file(path):
        return path.parent if path.name == TENSORS and (path.parent / DESCRIPTION).is_file() else None
    for candidate in (path, *(path / name for name in _RUN_CHECKPOINTS)):
        if is_file(candidate / DESCRIPTION):
            return candidate
    raise WeightsError(
        expected=f"a folder with {DESCRIPTION}, or a run folder with {' or '.join(_RUN_CHECKPOINTS)}",
        got=str(path),
        remedy=f"give {MODEL_FORMS}",
    )


def located(source: str | Path) -> tuple[Path, Path]:
    """Where it is on this disk, fetched from the hub where need be, and the path by whose last part its user knows it.

    Raises:
        WeightsError: it does not exist, or cannot be fetched.
    """
    if exists(Path(source)):
        return Path(source), Path(source)
    if str(source).startswith(HUB_PREFIX):
        hub = parse_hub_name(str(source))
        return fetch(hub), Path(hub.file or hub.repo)
    raise WeightsError(expected=MODEL_FORMS, got=str(source), remedy=_where_from(str(source)))


def _where_from(name: str) -> str:
    """What to do about a name that is nowhere on this disk."""
    known = name if name in PRESETS else nearest(name.lower(), PRESETS)
    if known is None:
        return "check the path"
    preset = PRESETS[known]
    fetched = f"ask for {preset.download} to fetch them, or " if preset.download else ""
    brought = f"a preset brings no weights: {fetched}fetch them from {preset.source} and pass the file, "
    brought += f"or ask for {RANDOM_PREFIX}{known}"
    return brought if known == name else f"check the path; did you mean {known}? {brought}"
