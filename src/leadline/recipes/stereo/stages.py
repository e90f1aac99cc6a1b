# SPDX-License-Identifier: Apache-2.0
"""Stages of a stereo training as data: words of flags enter, what each stage trains, by which losses, from when, leaves.

No torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leadline.contracts.errors import UsageError, require
from leadline.contracts.suggestions import did_you_mean

StageName = Literal["mono", "stereo", "refine"]
STAGES: tuple[StageName, ...] = ("mono", "stereo", "refine")
PARTS = ("backbone", "neck", "decoder", "matching", "refined")
"""Disjoint parts of a ``StereoModel``: ViT or other trunk, DPT reassembly, raw decoder, matching modules, second path."""
LOSSES: Mapping[StageName, tuple[str, ...]] = {
    "mono": ("photometric", "perceptual", "smooth"),
    "stereo": ("photometric", "smooth", "cost", "gradient", "out-of-view"),
    "refine": ("distillation",),
}
_USES: Mapping[StageName, frozenset[str]] = {
    "mono": frozenset({"backbone", "neck", "decoder"}),
    "stereo": frozenset({"backbone", "neck", "decoder", "matching"}),
    "refine": frozenset({"backbone", "neck", "decoder", "refined"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StageSpec:
    """One stage.

    Attributes:
        name: which.
        start_epoch: from which epoch on, counted from 1 as the reference does.
        trains: part -> factor of the learning rate; parts that are not named stay as they are in this stage.
        losses: name -> weight, those of weight 0 left out.
        milestones: epochs after which, counted from 1, the rate is multiplied by --lr-gamma; of the whole run.
    """

    name: StageName
    start_epoch: int
    trains: Mapping[str, float]
    losses: Mapping[str, float]
    milestones: tuple[int, ...]


def stage_spec(
    name: StageName, *, start_epoch: int, trains: Sequence[str], losses: Sequence[str], milestones: tuple[int, ...]
) -> StageSpec:
    """Words such as ``decoder=0.1`` as one checked stage.

    Raises:
        UsageError: a part or loss there is not, or that this stage does not reach; a number that is none.
    """
    flag = f"--train-{name}"
    parts = weights_of(trains, PARTS, flag)
    for part in parts:
        reached = ", ".join(sorted(_USES[name]))
        require(part in _USES[name], f"parts that stage {name} reaches in {flag} ({reached})", part, "leave it out")
    used = {loss: weight for loss, weight in weights_of(losses, LOSSES[name], f"--loss-{name}").items() if weight > 0}
    require(bool(parts), f"something to train in {flag}", "nothing", f"or leave the stage out with --start-{name} 0")
    require(bool(used), f"a loss above 0 in --loss-{name}", " ".join(losses) or "none", "raise one")
    rising = list(milestones) == sorted(set(milestones)) and min(milestones, default=1) >= 1
    require(rising, f"rising epochs from 1 in --milestones-{name}", milestones, "put them in order")
    return StageSpec(name=name, start_epoch=start_epoch, trains=parts, losses=used, milestones=milestones)


def weights_of(words: Sequence[str], known: Sequence[str], flag: str) -> dict[str, float]:
    """``["decoder=0.1", "matching"]`` as name -> number, 1 where there is none.

    Raises:
        UsageError: an unknown or repeated name, or a number that is negative or none.

    >>> weights_of(["matching", "decoder=0.1"], PARTS, "--train-stereo")
    {'matching': 1.0, 'decoder': 0.1}
    """
    weights: dict[str, float] = {}
    for word in words:
        name, _, said = word.partition("=")
        if name not in known or name in weights:
            remedy = "name each once" if name in weights else did_you_mean(name, known, otherwise="choose one of these")
            raise UsageError(expected=f"{flag} with NAME=NUMBER of {', '.join(known)}", got=repr(word), remedy=remedy)
        weights[name] = _number(said or "1", word, flag)
    return weights


def _number(said: str, word: str, flag: str) -> float:
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    require(0 <= number < math.inf, f"{flag} with numbers of 0 or more", word, "e.g. decoder=0.1")
    return number
