# SPDX-License-Identifier: Apache-2.0
"""A request enters; a folder of labels, finished or as far as it came, and a summary leave.

Restarting is the way to go on: what is done is left alone, what is not is done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.data.picture_shards import picture_shards
from leadline.labelling.board import Board
from leadline.labelling.plan import alone_in, make_plan, remove_leftovers
from leadline.rasters.atomic import require_writable

if TYPE_CHECKING:
    from leadline.labelling.board import LabelProgress, LabelSummary, OnProgress
    from leadline.labelling.request import LabelRequest


def label(request: LabelRequest, on_progress: OnProgress | None = None) -> LabelSummary:
    """Label every picture of ``request.images`` that has no label in ``request.out`` yet.

    Args:
        request: what, by which model, how and where.
        on_progress: told whenever something is finished.

    Raises:
        UsageError, DataError, WeightsError, StorageError, MissingExtraError: see the executors, ``make_plan``,
            ``begin_or_join`` and ``picture_shards``.
        Terminated: SIGTERM or Ctrl-C came; finished shards are kept.
    """
    tell = on_progress or _ignore
    shards = picture_shards(request.images, pictures_per_shard=request.pictures_per_shard)
    require_writable(request.out)
    if request.executor == "rank":
        from leadline.labelling.executors.ranks import rank_here, run_rank

        rank = rank_here()
        with alone_in(request.out, shared=True):
            plan = make_plan(shards, request.out).share(rank=rank.rank, world=rank.world)
            remove_leftovers(request.out, plan.pending)
            board = Board(request, plan, tell)
            run_rank(board, rank)
        return board.summary()
    with alone_in(request.out):
        plan = make_plan(shards, request.out)
        remove_leftovers(request.out, plan.pending)
        board = Board(request, plan, tell)
        if request.executor == "ray":
            from leadline.labelling.executors.cluster import run_on_ray

            run_on_ray(board)
        else:
            from leadline.labelling.executors.local import run_local

            run_local(board)
    return board.summary()


def _ignore(progress: LabelProgress) -> None:
    del progress
