# SPDX-License-Identifier: Apache-2.0
"""Where a run lies: what a user typed after ``resume`` enters, the run folder and one of its checkpoints leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leadline.contracts.errors import UsageError
from leadline.training.run_id import run_id_of, run_with_id

BY_RUN_ID = "(by --run-id)"
"""What ``--resume`` means without a value."""
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


def run_to_resume(resume: str, *, run_id: str, save_dir: Path) -> RunPlace:
    """What ``--resume [RUN] [--run-id ID]`` means: the run that is named, else the one with that id, else ``save_dir``'s.

    Raises:
        UsageError: there is no run, none with that id near ``save_dir`` (naming those there are), or RUN has another id.
    """
    if resume == BY_RUN_ID:
        return RunPlace(folder=run_with_id(run_id, save_dir)) if run_id else find_run(str(save_dir))
    place = find_run(resume)
    if run_id and run_id != run_id_of(place.folder):
        raise UsageError(
            expected=f"--run-id {run_id_of(place.folder) or 'left out'}, as {place.folder} has it",
            got=run_id,
            remedy="give one of --resume RUN and --run-id, or both of one run",
        )
    return place
