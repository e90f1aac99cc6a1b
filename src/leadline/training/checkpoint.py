# SPDX-License-Identifier: Apache-2.0
"""A run on disk: recipe, optimiser, average, random states and counters enter, a checkpoint folder leaves, and back.

A checkpoint folder holds the model for users (what ``save_model`` writes) and ``training_state.safetensors`` / ``.json``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from leadline.contracts.errors import UsageError, WeightsError
from leadline.training import random_state
from leadline.training.durable import new_folder, remove_folder
from leadline.training.ema import Ema
from leadline.training.recipe import Recipe
from leadline.training.run import EPOCH
from leadline.training.stages import StageOptimisers
from leadline.training.state import Best, RunState
from leadline.training.tensor_file import read_tensors, write_tensors

STATE = "training_state"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a run changes.

    Attributes:
        recipe, optimiser, ema, device: the run's; ``ema`` is None where there is none.
        identity: facts without which the rest of the run would be another run, e.g. the seed; compared when resuming.
    """

    recipe: Recipe
    optimiser: StageOptimisers
    ema: Ema | None
    device: torch.device
    identity: dict[str, int | bool]


def write_state(folder: Path, trained: Trained, state: RunState) -> None:
    """Write the training state into ``folder``; what the system refuses goes through as it is, ``publish`` translates it."""
    tensors = {
        **_under("recipe", trained.recipe.state_dict()),
        **_under("optimiser", trained.optimiser.tensors()),
        **_under("ema", trained.ema.tensors() if trained.ema else {}),
        **_under("random", random_state.captured(trained.device)),
    }
    facts = {"state": asdict(state), "identity": trained.identity, "groups": trained.optimiser.groups}
    write_tensors(folder, STATE, tensors, facts)


def read_state(folder: Path, trained: Trained) -> RunState:
    """Put the training state of ``folder`` into ``trained`` and return its counters.

    Raises:
        StorageError: any byte of it has changed.
        UsageError: it belongs to a run with another seed, number of batches, accumulation or average.
        WeightsError: it belongs to a model whose parameters have other names or shapes, or other ones were trained, or in
            other groups.
    """
    tensors, facts = read_tensors(folder, STATE)
    _check_identity(trained.identity, facts["identity"])
    try:
        trained.recipe.load_state_dict(_below("recipe", tensors))
        _check_groups(folder, trained, tensors, facts.get("groups"))
        trained.optimiser.load(_below("optimiser", tensors))
        if trained.ema:
            trained.ema.load(_below("ema", tensors))
    except (RuntimeError, KeyError) as error:
        first_lines = " ".join(str(error).split())[:200]
        raise WeightsError(
            expected=f"the model that {folder} was saved from",
            got=first_lines,
            remedy="resume with the run's own configuration",
        ) from error
    random_state.restore(_below("random", tensors), trained.device)
    said = dict(facts["state"])
    best = said.pop("best")
    return RunState(**said, best=Best(**best) if best else None)


def publish(run: Path, names: list[str], write: Callable[[Path], None]) -> None:
    """Put one checkpoint under each of ``names``: written once, then copied, each replacing its predecessor as a whole.

    The copies share nothing, so damage to one leaves the others.
    """
    for name in names:
        with new_folder(run / name) as fresh:
            if name == names[0]:
                write(fresh)
            else:
                shutil.copytree(run / names[0], fresh, dirs_exist_ok=True)


def prune_epochs(run: Path, keep: int) -> None:
    """Delete all but the ``keep`` last epoch checkpoints."""
    numbered = {
        int(found[1]): path for path in run.glob(EPOCH + "*") if (found := re.fullmatch(EPOCH + r"(\d+)", path.name))
    }
    for epoch in sorted(numbered)[: max(0, len(numbered) - keep)]:
        remove_folder(numbered[epoch])


def _check_identity(here: dict[str, int | bool], saved: dict[str, int | bool]) -> None:
    differing = {name: (saved.get(name), here.get(name)) for name in here | saved if saved.get(name) != here.get(name)}
    if differing:
        raise UsageError(
            expected=", ".join(f"{name} {was}" for name, (was, _) in differing.items()) + " as when the run was saved",
            got=", ".join(f"{name} {now}" for name, (_, now) in differing.items()),
            remedy="resume with the data and settings of the run, or start a new run from its weights",
        )


def _check_groups(folder: Path, trained: Trained, tensors: dict[str, Tensor], saved: dict[str, list[str]] | None) -> None:
    """Refuse a state of the same parameters of which others were trained, or in other groups.

    States from before groups were written down (``saved`` is None) give away less: what has moments was trained, and what
    has an average.
    """
    now = _groups_by_parameter(trained.optimiser.groups)
    averaged = dict.fromkeys(trained.ema.tensors() if trained.ema else {}, "averaged")
    if saved is not None:
        then, then_averaged = _groups_by_parameter(saved), averaged
    else:
        moved = {key.rsplit("/", 1)[0] for key in _below("optimiser", tensors)}  # of times before there were stages
        then = now | dict.fromkeys(moved - now.keys(), "trained")
        then_averaged = dict.fromkeys(_below("ema", tensors), "averaged")
    differing = [
        f"{name} {before.get(name, 'frozen')} then and {after.get(name, 'frozen')} now"
        for before, after in ((then, now), (then_averaged, averaged))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    if differing:
        raise WeightsError(
            expected=f"every parameter trained in the group, or frozen, as when {folder} was saved",
            got="; ".join(differing[:3]) + (f"; and {len(differing) - 3} more" if len(differing) > 3 else ""),
            remedy="resume with the run's own configuration, or start a new run from its weights",
        )


def _groups_by_parameter(groups: dict[str, list[str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for group, names in groups.items():
        for name in names:
            found.setdefault(name, []).append(group)
    return {name: f"in group {' and '.join(sorted(of))}" for name, of in found.items()}


def _under(room: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{room}/{name}": tensor for name, tensor in tensors.items()}


def _below(room: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{room}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{room}/")}
