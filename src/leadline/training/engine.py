# SPDX-License-Identifier: Apache-2.0
"""The loop that knows no recipe: a recipe, its streams, settings and a run folder enter; a trained and recorded run leaves.

``train`` assembles a session and runs it.  Whatever interrupts it (SIGKILL, SIGTERM, a full disk, an unreadable sample),
resuming the folder continues as if nothing had happened, bit for bit on a CPU with the same number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from leadline.contracts.errors import UsageError
from leadline.training import distributed
from leadline.training.checkpoint import Trained, read_state
from leadline.training.display import Display, SilentDisplay
from leadline.training.distributed import Ranks
from leadline.training.durable import recover
from leadline.training.ema import Ema
from leadline.training.logs import Log, NoLog, RunLog
from leadline.training.placement import Placement, choose_placement, repeatable
from leadline.training.recipe import Recipe, ValidationResult
from leadline.training.recorder import Recorder
from leadline.training.run import RunFolder
from leadline.training.session import Session
from leadline.training.settings import EngineSettings
from leadline.training.signals import listening
from leadline.training.stages import StageOptimisers
from leadline.training.state import Best, Plan, RunState
from leadline.training.streams import BatchSource, batches_per_epoch, check_needs
from leadline.training.tracker import BothLogs, open_tracker, sent_before
from leadline.training.update import Updater


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSummary:
    """What a finished run came to.

    Attributes:
        epochs, updates: how long it was.
        best: the validation that chose ``checkpoint_best``; None without validation.
        scalars: the last epoch's means and validation, tag -> value; empty if there was nothing left to do.
        skipped: samples that could not be read, by name.
        seconds: time of this process.
        stopped: why the run ended before its last epoch; empty where it did not.
    """

    epochs: int
    updates: int
    best: Best | None
    scalars: dict[str, float]
    skipped: list[str]
    seconds: float
    stopped: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Callbacks:
    """What the loop leaves to its caller.

    Attributes:
        validate: called with the epoch on rank 0 after each epoch, in eval mode, without gradients, on the averaged weights
            where there is an average; None for no validation.
        save_model: writes ``recipe.trained`` into the folder it is given.
        display: what a person sees.
    """

    validate: Callable[[int], ValidationResult] | None
    save_model: Callable[[Path], None]
    display: Display


def train(
    recipe: Recipe, streams: Mapping[str, BatchSource], settings: EngineSettings, run: RunFolder, calls: Callbacks
) -> TrainSummary:
    """Train ``recipe`` until ``settings.epochs`` epochs are complete, from the beginning or from ``run.resume_from``.

    Args:
        recipe: on any device; moved to the one the settings name.
        streams: one source of batches for each name in ``recipe.needs``, this rank's share of it.
        settings: how long, how fast, how carefully.
        run: where to write.
        calls: validation, saving and display.

    Raises:
        UsageError, WeightsError: no such device; patience without validation; the checkpoint of another run or model.
        ContractError: streams or parameter groups do not fit the recipe.
        DataError: a sample cannot be read and its stream does not skip it; what was learned is saved.
        NonFiniteError: a loss or gradient was not finite; nothing was updated.
        StorageError: the folder cannot be written or a checkpoint is damaged; the last checkpoint is whole.
        MissingExtraError: a tracker that is not installed.
        Terminated: SIGTERM or SIGINT; everything is saved.
    """
    began_s = time.monotonic()
    ranks = distributed.current()
    _check(recipe, streams, settings, watched=calls.validate is not None)
    placement = choose_placement(settings, ranks.local_rank)
    with ExitStack() as stack:
        stop = stack.enter_context(listening())
        stack.enter_context(repeatable(settings, placement.device))
        stack.enter_context(_claimed(run, ranks))
        plan = Plan(epochs=settings.epochs, batches_per_epoch=batches_per_epoch(streams), accumulate=settings.accumulate)
        trained = _prepare(recipe, settings, placement, plan)
        state = _load(run, trained)
        recorder = _record(run, state, plan, settings, calls.display if ranks.rank == 0 else SilentDisplay())
        stack.callback(recorder.close)
        session = Session(
            trained=trained,
            streams=streams,
            settings=settings,
            folder=run.path,
            plan=plan,
            placement=placement,
            ranks=ranks,
            updater=_updater(trained, settings, placement),
            recorder=recorder,
            stop=stop,
            validate=calls.validate,
            save_model=calls.save_model,
            state=state,
        )
        values = session.complete()
    return _summary(session, values, time.monotonic() - began_s)


def _check(recipe: Recipe, streams: Mapping[str, BatchSource], settings: EngineSettings, *, watched: bool) -> None:
    check_needs(recipe.needs, streams)
    if settings.patience and not watched:
        raise UsageError(
            expected="validation with --patience, which waits for a better one",
            got=f"--patience {settings.patience} without validation",
            remedy="leave out --no-validate, or say --patience 0",
        )


@contextmanager
def _claimed(run: RunFolder, ranks: Ranks) -> Iterator[None]:
    """The run's folder, locked and tidied by rank 0 before any rank reads it."""
    with run.locked() if ranks.rank == 0 else nullcontext():
        if ranks.rank == 0:
            recover(run.path)
        distributed.wait_for_all()
        yield


def _prepare(recipe: Recipe, settings: EngineSettings, placement: Placement, plan: Plan) -> Trained:
    """The recipe on its device, with what moves it."""
    recipe.to(placement.device)
    identity: dict[str, int | bool] = {
        "seed": settings.seed,
        "batches per epoch": plan.batches_per_epoch,
        "accumulate": plan.accumulate,
        "ema": settings.ema_decay > 0,
    }
    return Trained(
        recipe=recipe,
        optimiser=StageOptimisers(recipe, settings),
        ema=Ema(recipe.trained, settings.ema_decay) if settings.ema_decay else None,
        device=placement.device,
        identity=identity,
    )


def _load(run: RunFolder, trained: Trained) -> RunState:
    """The state to go on from: a checkpoint, or the beginning."""
    if run.resume_from is None or not (run.path / run.resume_from).exists():
        return RunState()
    return read_state(run.path / run.resume_from, trained)


def _record(run: RunFolder, state: RunState, plan: Plan, settings: EngineSettings, display: Display) -> Recorder:
    """The log, cut to where the run goes on, on rank 0; nothing on the others."""
    first_step = state.epoch * plan.batches_per_epoch + state.batch
    log: Log = NoLog()
    if distributed.current().rank == 0:
        sent = sent_before(run.path, run.tracker) if run.tracker else None  # before the log is cut, which says it
        log = RunLog(run.path, keep_bytes=state.log_bytes, first_step=first_step, events=run.events)
        if run.tracker and sent and state.epoch < plan.epochs and not state.is_out(settings.patience):
            log = BothLogs(log, open_tracker(run.path, run.tracker, sent))
    return Recorder(log=log, display=display, plan=plan, log_interval=settings.log_interval)


def _updater(trained: Trained, settings: EngineSettings, placement: Placement) -> Updater:
    module = distributed.parallel(trained.recipe)
    return Updater(
        module,
        trained.recipe,
        trained.optimiser,
        trained.ema,
        placement=placement,
        max_grad_norm=settings.max_grad_norm,
    )


def _summary(session: Session, values: dict[str, float], seconds: float) -> TrainSummary:
    return TrainSummary(
        epochs=session.state.epoch,
        updates=session.state.update,
        best=session.state.best,
        scalars=values,
        skipped=[name for stream in session.streams.values() for name in stream.skipped],
        seconds=seconds,
        stopped=session.state.stopped,
    )
