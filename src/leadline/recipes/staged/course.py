# SPDX-License-Identifier: Apache-2.0
"""The way through a chain: flags and what a recipe adds enter; teacher, labels, guide, baseline, student leave, in stages.

Each stage is done, or was done before and is found; the way ends where the flags say.  The chain's own folder becomes a
MODEL: it gets the student's best checkpoint.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch

from leadline.contracts.errors import UsageError
from leadline.inference.predictor import Predictor, load
from leadline.models.depth_model import DepthModel
from leadline.recipes.staged.comparison import compare_models
from leadline.recipes.staged.network import begin, require_beginning, require_disparity
from leadline.recipes.staged.stages import Stage, complete, finished
from leadline.recipes.staged.streams import require_unlabelled, unlabelled_pictures
from leadline.recipes.supervised.network import disparity_network
from leadline.recipes.supervised.run import described, rounded_size, with_run_id
from leadline.training import distributed
from leadline.training.config_file import to_toml
from leadline.training.durable import write_file
from leadline.training.run import BEST, CONFIG, LATEST

if TYPE_CHECKING:
    from leadline.recipes.staged.chain import Chain
    from leadline.recipes.staged.config import StagedConfig
    from leadline.recipes.supervised.run import Start

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainReport:
    """What a finished chain came to.

    Attributes:
        path: the page, or the table, to look at first.
    """

    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """What stands before a student begins.

    Attributes:
        teacher: a MODEL.
        labels: the folder of its labels, by dataset; None where it is asked in every step.
        guide: the folder of a guide, where the recipe has one.
        size: (height, width) in pixels at which is trained.
    """

    teacher: str
    labels: Path | None
    guide: Path | None
    size: tuple[int, int]


StudentStage: TypeAlias = "Callable[[Before], Stage]"
GuideStage: TypeAlias = "Callable[[], Stage]"


class Course:
    """Where a run of a chain stands.

    Args:
        root: the folder of the stages.
        asked: the stage that shall be run, or "all".
    """

    def __init__(self, root: Path, asked: str) -> None:
        self._root, self._asked = root, asked
        self.over = False

    def take(self, stage: Stage) -> Path:
        """The stage's folder: done now where it is asked for, else found.

        Raises:
            StorageError: it is not asked for, but not done either.
        """
        if self._asked not in {"all", stage.name}:
            return finished(stage, self._root, wanted_by=self._asked)
        folder = complete(stage, self._root)
        self.over = self._asked == stage.name
        return folder


def follow(
    chain: Chain, start: Start, *, asked: str, student: StudentStage, guide: GuideStage | None, batch_size: int
) -> ChainReport | None:
    """Go the whole way, or to the stage that is asked for.

    Args:
        chain: flags and folder.
        start: how the run was asked for.
        asked: a stage's name, or "all".
        student: the recipe's last training.
        guide: the recipe's guide; None without.
        batch_size: unlabelled pictures per step, which makes the updates of the baseline.

    Returns:
        None where the chain ends before its student is judged.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    with distributed.together():  # once for all stages
        return _follow(chain, start, asked=asked, student=student, guide=guide, batch_size=batch_size)


def _follow(
    chain: Chain, start: Start, *, asked: str, student: StudentStage, guide: GuideStage | None, batch_size: int
) -> ChainReport | None:
    config = chain.config
    _require_stage(config, asked, guided=guide is not None)
    if asked not in {"teacher", "guide"}:
        require_unlabelled(config)
    if asked in {"all", "student"}:  # before a teacher is trained for it
        require_beginning(config)
    if config.teacher_model:
        require_disparity(load(config.teacher_model, device="cpu").kind, config.teacher_model)
    _record(config, start)
    course = Course(chain.root, asked)
    if guide is not None and asked == "guide":  # which needs no other stage
        course.take(guide())
        return None
    teacher = config.teacher_model or str(course.take(chain.teacher()))
    labels = None if course.over or config.teacher_mode == "online" else course.take(chain.labels(teacher))
    guided = None if course.over or guide is None else course.take(guide())
    if course.over:
        return None
    before = Before(teacher=teacher, labels=labels, guide=guided, size=training_size(config))
    models = {"teacher": Path(teacher)}
    if config.baseline or asked == "baseline":
        pictures = sum(len(part) for part in unlabelled_pictures(config, label_folders(config, labels), before.size))
        alone = chain.baseline(batch_size=config.labelled_per_step, updates_per_epoch=max(1, pictures // batch_size))
        models["labelled only"] = course.take(alone)
    if course.over:
        return None
    models["student"] = course.take(student(before))
    _become_model(config, models["student"])
    if course.over:
        return None
    return _judged(config, models, before.size)


def _require_stage(config: StagedConfig, asked: str, *, guided: bool) -> None:
    """Refuse a stage that these flags leave out.

    Raises:
        UsageError: naming the flag that leaves it out.
    """
    absent = {
        "teacher": ("--teacher-model, whose teacher is trained already", bool(config.teacher_model)),
        "labels": ("--teacher-mode online, which writes none", config.teacher_mode == "online"),
        "guide": ("a chain without --feature-target depth-guide", not guided),
        "evaluate": ("--no-validate", not config.validate),
    }
    why, is_absent = absent.get(asked, ("", False))
    if is_absent:
        raise UsageError(expected=f"a stage of this chain, not {asked}", got=why, remedy="change that, or the stage")


def label_folders(config: StagedConfig, labels: Path | None) -> dict[str, Path]:
    """The label folder of each unlabelled dataset that has one."""
    return {} if labels is None else {name: labels / name for name in config.unlabelled if (labels / name).is_dir()}


def training_size(config: StagedConfig) -> tuple[int, int]:
    """What the student's encoder makes of the size that was asked for, (height, width) in pixels."""
    with torch.device("meta"):
        multiple = DepthModel(disparity_network(config)).size_multiple
    return rounded_size(config.size, multiple)


def _record(config: StagedConfig, start: Start) -> None:
    """Write the chain's flags into its folder, so that it can be resumed and found."""
    with distributed.together() as ranks:
        if ranks.rank == 0 and (start.sources or not (config.save_dir / CONFIG).is_file()):
            config.save_dir.mkdir(parents=True, exist_ok=True)
            write_file(config.save_dir / CONFIG, to_toml(described(*with_run_id(config, start))).encode())


def _become_model(config: StagedConfig, folder: Path) -> None:
    """Let the chain's folder be a MODEL: it gets the student's best checkpoint, and its report."""
    with distributed.together() as ranks:
        if ranks.rank != 0:
            return
        name = BEST if (folder / BEST).is_dir() else LATEST
        aside = config.save_dir / f".new-{BEST}"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(folder / name, aside)
        shutil.rmtree(config.save_dir / BEST, ignore_errors=True)
        aside.rename(config.save_dir / BEST)
        for report in folder.glob("report.html"):
            shutil.copy2(report, config.save_dir / report.name)


def _judged(config: StagedConfig, places: dict[str, Path], size: tuple[int, int]) -> ChainReport | None:
    """Compare the models, and the student as it began, on held-out pictures."""
    with distributed.together() as ranks:
        if ranks.rank != 0 or not config.validate:
            return None
        torch.manual_seed(config.seed)
        first = DepthModel(disparity_network(config))
        begin(config, first)
        models = {"student's beginning": Predictor(first, device=config.device, input_size=min(size))}
        models |= {who: load(place, device=config.device) for who, place in places.items()}
        table = compare_models(config, models, config.save_dir, size)
    for line in table.splitlines():
        logger.info("%s", line)
    page = config.save_dir / "report.html"
    return ChainReport(path=page if page.is_file() else config.save_dir / "comparison.md")
