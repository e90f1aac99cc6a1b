# SPDX-License-Identifier: Apache-2.0
"""Where a run lies: what a user typed after ``resume`` enters, the run folder and one of its checkpoints leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leadline.contracts.errors import UsageError

_CHECKPOINT, _CONFIG = "checkpoint_", "config.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlace:
    """A run and the checkpoint to go on from.

    Attributes:
        folder: the run folder.
        checkpoint: "latest", "best" or "epoch_N".
    """

    folder: Path
    checkpoint: str = "latest"


def find_run(typed: str) -> RunPlace:
    """A run folder, one of its checkpoint folders, or the reference's spelling ``checkpoint_latest.pth`` of the latter.

    Raises:
        UsageError: there is no run.
    """
    path = Path(typed)
    if path.suffix == ".pth" and not path.exists():
        path = path.with_suffix("")
    if path.name.startswith(_CHECKPOINT) and (path.parent / _CONFIG).is_file():
        return RunPlace(folder=path.parent, checkpoint=path.name.removeprefix(_CHECKPOINT))
    if (path / _CONFIG).is_file():
        return RunPlace(folder=path)
    raise UsageError(
        expected=f"a run folder (one that holds {_CONFIG}) or one of its checkpoints",
        got=typed,
        remedy="name the --save-dir of the run",
    )
