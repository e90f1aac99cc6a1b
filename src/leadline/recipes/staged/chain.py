# SPDX-License-Identifier: Apache-2.0
"""The stages that every chain has: flags enter, a teacher, its labels and a network to compare with leave, as stages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.relative.run import train_relative
from leadline.recipes.staged.labels import write_labels
from leadline.recipes.staged.stages import Stage, content_of, deciding
from leadline.recipes.staged.streams import labelled_in_bulk, picture_lists
from leadline.recipes.supervised.network_config import NetworkConfig
from leadline.recipes.supervised.run import Start
from leadline.training import distributed
from leadline.training.run import holds_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from leadline.recipes.staged.config import StagedConfig
    from leadline.training.display import Display

_SHARED = tuple(field.name for field in dataclasses.fields(NetworkConfig))
Placed = TypeVar("Placed", bound=NetworkConfig)
# What the stages before the student do not depend on.
_OF_LABELS = ("unlabelled", "unlabelled_root", "label_dtype", "label_size", "labels_per_shard", "label_threads")
_OF_THE_TEACHER = frozenset(
    {
        *("teacher_model", "teacher_encoder", "teacher_checkpoint", "teacher_epochs", "teacher_lr", "teacher_batch_size"),
        "teacher_grad_weight",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """A chain's flags and where its stages lie.

    Attributes:
        config: all of them.
        display: watches each stage.
    """

    config: StagedConfig
    display: Display

    @property
    def root(self) -> Path:
        """The folder of the stages."""
        return self.config.cache_stages or self.config.save_dir

    @property
    def trains_teacher(self) -> bool:
        """False where the teacher is given."""
        return not self.config.teacher_model

    def teacher(self) -> Stage:
        """The teacher: a run of the recipe ``relative`` on the labelled pictures."""
        return self._run("teacher", self.teacher_config())

    def teacher_config(self) -> RelativeConfig:
        """Hyper-parameters of the teacher's run."""
        config = self.config
        own = config.teacher_encoder in ("", config.encoder)
        return self._relative(
            encoder=config.teacher_encoder or config.encoder,
            decoder_features=config.decoder_features if own else None,
            pretrained_checkpoint=config.teacher_checkpoint or (config.pretrained_checkpoint if own else ""),
            grad_weight=config.teacher_grad_weight,
            lr=config.teacher_lr,
            batch_size=config.teacher_batch_size,
            num_epochs=config.teacher_epochs,
        )

    def baseline(self, *, batch_size: int, updates_per_epoch: int) -> Stage:
        """A network like the student, on labelled pictures alone, for as many updates of ``batch_size`` pictures."""
        config = self.config
        alone = self._relative(
            encoder=config.encoder,
            decoder_features=config.decoder_features,
            pretrained_checkpoint=config.pretrained_checkpoint,
            grad_weight=config.grad_weight,
            lr=config.lr,
            batch_size=batch_size,
            num_epochs=config.num_epochs,
            epoch_images=batch_size * updates_per_epoch,
        )
        return self._run("baseline", alone)

    def labels(self, teacher: str) -> Stage:
        """What a teacher (a MODEL) says of all unlabelled pictures, in a folder per dataset.

        With the teacher beside them ("hybrid"), labels of the pictures that there were once are enough.

        Raises:
            UsageError, DataError: see ``labelled_in_bulk`` and ``picture_lists``.
        """
        config, found = self.config, labelled_in_bulk(self.config)
        depends = {"teacher": content_of(teacher), **{name: getattr(config, name) for name in _OF_LABELS}}
        if not config.amp:
            depends["precision"] = "fp32"
        if config.teacher_mode == "cached":
            depends["pictures"] = picture_lists(config)
        return Stage(name="labels", depends=depends, work=lambda folder: write_labels(config, teacher, found, folder))

    def words(self, teacher: str) -> dict[str, object]:
        """What a student depends on where it hears a teacher (a MODEL): the labels' stage, and which pictures there are.

        Raises:
            UsageError, DataError: see ``labels``.
        """
        return {"labels": self.labels(teacher).folder(self.root).name, "pictures": picture_lists(self.config)}

    def _relative(self, **own: Any) -> RelativeConfig:
        """The flags that all recipes share, with ``own`` fields of ``RelativeConfig``."""
        config = self.config
        values: dict[str, Any] = {name: getattr(config, name) for name in _SHARED} | {
            "learn": ("encoder", "decoder") if config.train_encoder else ("decoder",),
            "objective": config.objective,
            "ssi_weight": config.ssi_weight,
            "init": config.init,
        }
        return RelativeConfig(**(values | own))

    def _run(self, name: str, config: RelativeConfig) -> Stage:
        depends = deciding(config) | {"pretrained_checkpoint": content_of(config.pretrained_checkpoint)}

        def work(folder: Path) -> object:
            return train_relative(placed_in(folder, config), start_in(folder, self.display))

        return Stage(name=name, depends=depends, work=work)


def placed_in(folder: Path, config: Placed) -> Placed:
    """The flags of a stage's own run in ``folder``: its id is the chain's and the stage's, for no two runs share one."""
    run_id = f"{config.run_id[: 63 - len(folder.name)]}-{folder.name}" if config.run_id else ""  # ids have 64 letters
    return dataclasses.replace(config, save_dir=folder, resume="", run_id=run_id)


def start_in(folder: Path, display: Display) -> Start:
    """A new run in ``folder``, or the one begun there, as the first process says, whose traces others may see."""
    with distributed.together():
        begun = distributed.first_says(flag=holds_run(folder))
    return Start(sources={}, display=display, checkpoint="latest" if begun else None)


def student_stage(
    name: str,
    depends: dict[str, object],
    config: StagedConfig,
    work: Callable[[Path], object],
    *,
    without: frozenset[str] = frozenset(),
) -> Stage:
    """A later training: every flag but the teacher's, the labels' and those ``without``, and what else it ``depends`` on."""
    weights = {"pretrained_checkpoint": content_of(config.pretrained_checkpoint)}
    own = deciding(config, without=without | _OF_THE_TEACHER | frozenset(_OF_LABELS))
    return Stage(name=name, depends=own | weights | depends, work=work)
