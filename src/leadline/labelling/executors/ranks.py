# SPDX-License-Identifier: Apache-2.0
"""The environment of SLURM or torchrun enters; this process's rank, and its own shards labelled in it, leave."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from leadline.contracts.errors import LeadlineError, UsageError
from leadline.training.signals import Interrupted, Terminated, listening

if TYPE_CHECKING:
    from leadline.labelling.board import Board


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """One process among those that share a job without talking to each other.

    Attributes:
        rank, world: number of this process and of all.
        local: number on this machine; it chooses the GPU.
    """

    rank: int
    world: int
    local: int


def rank_from(environment: Mapping[str, str]) -> Rank:
    """Which process this is: of a SLURM array, of ``torchrun`` or ``srun``, or of one of these in each task of an array.

    >>> rank_from({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "4"})
    Rank(rank=2, world=4, local=0)

    Raises:
        UsageError: none of these, or numbers that contradict each other.
    """
    outer = _numbers(environment, "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")
    inner = _numbers(environment, "RANK", "WORLD_SIZE") or _numbers(environment, "SLURM_PROCID", "SLURM_NTASKS")
    if outer is None and inner is None:
        raise UsageError(
            expected="SLURM_ARRAY_TASK_ID and _COUNT, RANK and WORLD_SIZE, or SLURM_PROCID and SLURM_NTASKS",
            got="none of them in the environment of --executor rank",
            remedy="start it by sbatch --array, srun or torchrun, or use --executor local",
        )
    task, tasks = _of_array(environment, outer) if outer else (0, 1)
    place, places = inner or (0, 1)
    if not (0 <= task < tasks and 0 <= place < places):
        raise UsageError(
            expected="a rank below the number of ranks",
            got=f"array task {task} of {tasks}, process {place} of {places}",
            remedy="check the variables SLURM_ARRAY_TASK_*, RANK and WORLD_SIZE",
        )
    local = environment.get("LOCAL_RANK", environment.get("SLURM_LOCALID", "0"))
    return Rank(rank=task * places + place, world=tasks * places, local=int(local) if local.isdecimal() else 0)


def rank_here() -> Rank:
    """``rank_from`` of this process's environment."""
    return rank_from(os.environ)


def run_rank(board: Board, rank: Rank) -> None:
    """Label, in this process, every pending shard of the board's plan, which is this rank's share.

    Raises:
        Terminated: SIGTERM or Ctrl-C came; finished shards are kept, the half-written one is removed.
        LeadlineError: what stops the job, see ``Board.failed``.
    """
    from leadline.labelling.labeller import Labeller
    from leadline.labelling.shard import label_shard

    with listening() as stop:
        try:
            with stop.interruptible():
                labeller = Labeller(board.request, rank.local)
                job = board.opened(labeller.facts())
            for shard in board.plan.pending:
                with stop.interruptible():
                    try:
                        record = label_shard(labeller, shard, board.request, job, partial(board.labelled, shard))
                    except LeadlineError as error:
                        board.failed(shard, error)
                        continue
                board.done(record)
        except Interrupted as asked:
            raise Terminated("stopped; finished shards are kept, the same command goes on with the others") from asked


def _of_array(environment: Mapping[str, str], numbers: tuple[int, int]) -> tuple[int, int]:
    """An array may begin anywhere and take steps: ``--array=10-40:10`` has ids 10 to 40 and a count of 4."""
    first, step = (
        int(environment.get(f"SLURM_ARRAY_TASK_{name}", default)) for name, default in (("MIN", "0"), ("STEP", "1"))
    )
    place, rest = divmod(numbers[0] - first, max(1, step))
    return (place if rest == 0 else -1), numbers[1]


def _numbers(environment: Mapping[str, str], first: str, second: str) -> tuple[int, int] | None:
    given = environment.get(first), environment.get(second)
    if given[0] is None or given[1] is None:
        return None
    try:
        return int(given[0]), int(given[1])
    except ValueError as error:
        raise UsageError(
            expected=f"whole numbers in {first} and {second}", got=f"{given[0]!r} and {given[1]!r}", remedy="correct them"
        ) from error
