# SPDX-License-Identifier: Apache-2.0
"""A run in progress: assembled parts and a state enter, epochs of updates, validations and checkpoints leave."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import torch

from leadline.training.checkpoint import Trained, prune_epochs, publish, write_state
from leadline.training.distributed import Ranks, first_says, sum_across
from leadline.training.nonfinite import refuse
from leadline.training.placement import Placement
from leadline.training.random_state import seed_all, seed_from
from leadline.training.recipe import Progress, ValidationResult
from leadline.training.recorder import Recorder, Spent
from leadline.training.run import BEST, EPOCH, LATEST
from leadline.training.signals import Interrupted, StopRequest, Terminated
from leadline.training.state import Best, Plan, RunState
from leadline.training.streams import BatchSource, joined
from leadline.training.update import Updater, UpdateReport, Work

if TYPE_CHECKING:
    from leadline.contracts.sample import Batch
    from leadline.training.settings import EngineSettings

_log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Session:
    """The parts of a run, and how far it is.

    Attributes:
        trained, streams, settings, folder, plan, placement, ranks: what is trained, on what, how, where.
        updater, recorder, stop: who makes updates, who tells of them, who may ask to stop.
        validate, save_model: the caller's, see ``engine.train``.
        state: how far the run is; equal on all ranks but for ``best`` and ``waited``, which only rank 0 knows, and the
            words of ``stopped``.
    """

    trained: Trained
    streams: Mapping[str, BatchSource]
    settings: EngineSettings
    folder: Path
    plan: Plan
    placement: Placement
    ranks: Ranks
    updater: Updater
    recorder: Recorder
    stop: StopRequest
    validate: Callable[[int], ValidationResult] | None
    save_model: Callable[[Path], None]
    state: RunState

    def complete(self) -> dict[str, float]:
        """Do all that is left; the values of the last epoch by tag."""
        if self.state.update == 0:
            self._save([LATEST])  # a folder that cannot hold a checkpoint shows before the first step
        self.recorder.display.start(self.plan, self.state.update)
        self._look_for_the_end()
        values: dict[str, float] = {}
        while self.state.epoch < self.plan.epochs and not self.state.stopped:
            self._train_epoch()
            values = self._end_epoch()
        return values

    def _train_epoch(self) -> None:
        """From wherever the state stands to the last batch of the epoch."""
        self.trained.recipe.train()
        works = self._works()
        while self.state.batch < self.plan.batches_per_epoch:
            began_s = time.perf_counter()
            work = self._next(works)
            waited_s = time.perf_counter() - began_s
            report = self._update(work)
            spent = Spent(images=work.images * self.ranks.world, waited_s=waited_s, took_s=time.perf_counter() - began_s)
            rates = self.trained.optimiser.learning_rates(self.state.epoch)
            self.recorder.update(self.state, report, rates, spent)
            if report.stop or (self.ranks.world == 1 and self.stop.requested):  # ranks must leave after the same update
                self._leave()
            if self._is_due():
                self._save([LATEST])
            if self.ranks.rank == 0:
                self.recorder.pictures(self.state, self.trained.recipe, work.batches[-1], self.placement)

    def _works(self) -> Iterator[Work]:
        """The rest of the epoch's batches, gathered for its updates."""
        gathered: list[Mapping[str, Batch]] = []
        first, length = self.state.batch, self.plan.batches_per_epoch
        for position, batches in enumerate(joined(self.streams, self.state.epoch, first), first + 1):
            gathered.append(batches)
            if len(gathered) == self.plan.accumulate or position == length:
                done = self.state.epoch * length + position
                yield Work(batches=gathered, seeds=self._seeds(done - len(gathered), done), progress=self._progress())
                gathered = []

    def _seeds(self, first: int, end: int) -> list[int]:
        """One per batch, from its number in the run."""
        return [seed_from(self.settings.seed, "batch", self.ranks.rank, number) for number in range(first, end)]

    def _progress(self) -> Progress:
        total = self.plan.total_updates
        return Progress(epoch=self.state.epoch, step=self.state.update, total_steps=total, sum_across=sum_across)

    def _next(self, works: Iterator[Work]) -> Work:
        """The next work; where data fails, what was learned so far is saved before the error goes on."""
        try:
            return next(works)
        except Exception:
            if self.stop.requested:  # a signal to the whole process group ends the loader's workers as well
                self._leave()
            self._save([LATEST])
            raise

    def _update(self, work: Work) -> UpdateReport:
        self._set_rates(self.state.update)
        report = self.updater(work, stop=self.stop.requested)
        if not report.finite:
            failed = replace(work, progress=replace(work.progress, stage=report.stage))
            raise refuse(self.folder, self.trained.recipe, failed, report, placement=self.placement, rank=self.ranks.rank)
        self.state.count(report.values, len(work.batches))
        return report

    def _set_rates(self, update: int) -> None:
        per_epoch = self.plan.updates_per_epoch
        self.trained.optimiser.set_rates(epoch=self.state.epoch, update=update, updates_per_epoch=per_epoch)

    def _is_due(self) -> bool:
        """Whether a checkpoint inside the epoch is due; the end of the epoch makes its own."""
        every = self.settings.save_every_steps
        return every > 0 and self.state.update % every == 0 and self.state.batch < self.plan.batches_per_epoch

    def _end_epoch(self) -> dict[str, float]:
        """Validate, log and save; the epoch's values by tag."""
        validation = self._validated()
        self._set_rates(self.state.update - 1)  # what the last update used, also when a resumed run begins here
        values = self.recorder.epoch(self.state, self.trained.optimiser.learning_rates(self.state.epoch), validation)
        names = [f"{EPOCH}{self.state.epoch}"] if self.settings.keep_last else []
        if validation and self.state.improves(validation.selection):
            self.state.best = Best(value=validation.selection, name=validation.selection_name, epoch=self.state.epoch)
            names.append(BEST)
        if validation:
            self.state.judge(validation.selection, min_delta=self.settings.min_delta)
        self._tell_skipped()
        self.state.next_epoch()
        self.state.stopped = self._out_of_patience()
        self._save([*names, LATEST])
        if self.ranks.rank == 0 and self.settings.keep_last:
            prune_epochs(self.folder, self.settings.keep_last)
        if self.state.stopped:
            self.recorder.display.note(f"stopped early: {self.state.stopped}")
        if first_says(flag=self.stop.requested):
            self._stop()
        return values

    def _look_for_the_end(self) -> None:
        """A run that goes on may have nothing left to do, by the settings of now: then say why."""
        before, self.state.stopped = self.state.stopped, self._out_of_patience()
        if self.state.stopped:
            self.recorder.display.note(f"nothing to do, the run has stopped early: {self.state.stopped}")
        elif self.state.epoch >= self.plan.epochs:
            self.recorder.display.note(f"nothing to do, all {self.plan.epochs} epochs are done; --num-epochs asks for more")
        if self.state.stopped != before and self.state.stopped:
            self._save([LATEST])

    def _out_of_patience(self) -> str:
        """Why no further epoch is worth its time, equally true on every rank; empty where there is none or it is."""
        state, patience = self.state, self.settings.patience
        left = patience > 0 and state.epoch < self.plan.epochs
        if not left or not first_says(flag=state.is_out(patience)):
            return ""
        best = f"the best is {state.best.value:.4g} of epoch {state.best.epoch + 1}" if state.best else "none was a number"
        name = state.best.name if state.best else "the selection value"
        return (
            f"{name} was not lower by more than {self.settings.min_delta:g} for {state.waited} epochs, --patience is "
            f"{patience}; {best} and {state.epoch} of {self.plan.epochs} epochs are done"
        )

    def _validated(self) -> ValidationResult | None:
        """Rank 0's validation of this epoch; the others wait.  Cut short by a signal, it is done again after resuming."""
        if self.validate is None:
            return None
        result, interrupted = None, False
        if self.ranks.rank == 0:
            try:
                result = self._validate_here(self.validate)
            except Interrupted:
                interrupted = True
            except Exception:
                self._save([LATEST])
                raise
        if first_says(flag=interrupted):
            self._leave()
        return result

    def _validate_here(self, validate: Callable[[int], ValidationResult]) -> ValidationResult:
        seed_all(seed_from(self.settings.seed, "validation", self.state.epoch), self.placement.device)
        self.trained.recipe.eval()
        with self._averaged(), torch.no_grad(), self.stop.interruptible():
            return validate(self.state.epoch)

    def _averaged(self) -> AbstractContextManager[None]:
        return self.trained.ema.in_place() if self.trained.ema else nullcontext()

    def _save(self, names: list[str]) -> None:
        """Put the state under each of these checkpoint names; the last one is where ``resume`` goes on."""
        if self.ranks.rank == 0:
            self.state.log_bytes = self.recorder.log.secured()
            publish(self.folder, names, self._write)

    def _write(self, folder: Path) -> None:
        write_state(folder, self.trained, self.state)
        with self._averaged():
            self.save_model(folder)

    def _leave(self) -> NoReturn:
        self._save([LATEST])
        self._stop()

    def _stop(self) -> NoReturn:
        self.recorder.display.note(f"stopped after step {self.state.update}; everything is saved in {self.folder}")
        raise Terminated

    def _tell_skipped(self) -> None:
        for name, stream in self.streams.items():
            if stream.skipped:
                _log.warning("stream %r: %d samples could not be read so far", name, len(stream.skipped))
