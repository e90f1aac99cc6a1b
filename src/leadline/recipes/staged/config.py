# SPDX-License-Identifier: Apache-2.0
"""Flags of every recipe that goes from a teacher over labels to a student.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from leadline.contracts.errors import require
from leadline.recipes.supervised.data_config import Objective
from leadline.recipes.supervised.network_config import NetworkConfig
from leadline.training.settings import Schedule  # torch-free

Stage = Literal["all", "teacher", "labels", "guide", "baseline", "student", "evaluate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedConfig(NetworkConfig):
    """A teacher learns from truth, says what it sees on pictures without, and a student learns from that."""

    learns: ClassVar[Literal["metres", "disparity"]] = "disparity"
    least: ClassVar[dict[str, int]] = {
        **NetworkConfig.least,
        **dict.fromkeys(("teacher_epochs", "teacher_batch_size", "labels_per_shard"), 1),
        **dict.fromkeys(("unlabelled_images", "label_size", "label_workers", "label_threads"), 0),
    }

    stage: Stage = "all"
    """Run one stage (what it needs must be there), or all that are not done yet."""
    cache_stages: Path | None = None
    """Where stages lie that other runs may share; nothing: inside --save-dir."""

    unlabelled: tuple[str, ...] = ("image_folder",)
    """Datasets whose pictures the teacher labels: image_folder or shards; with --teacher-mode online or hybrid any, whose
    truth is not looked at."""
    unlabelled_root: tuple[str, ...] = ()
    """NAME=DIR: the folder of each."""
    unlabelled_images: int = 0
    """At most so many of them, evenly spaced; 0 takes all."""

    init: Literal["encoder", "all"] = "encoder"
    """What is taken of --pretrained-checkpoint and --teacher-checkpoint: the encoder, or all that fits."""

    teacher_model: str = ""
    """A MODEL of relative disparity as it is; no teacher is then trained."""
    teacher_encoder: str = ""
    """The teacher's; nothing: the student's, which is --encoder."""
    teacher_checkpoint: str = ""
    """Weights the teacher begins with; nothing: --pretrained-checkpoint where both have the same encoder."""
    teacher_epochs: int = 20
    """Passes over the labelled pictures."""
    teacher_lr: float = 5e-5
    """Learning rate of the teacher's decoder; its encoder learns at lr / --encoder-lr-factor."""
    teacher_batch_size: int = 16
    """Pictures per step of the teacher."""
    teacher_grad_weight: float = 0.0
    """Weight of gradient matching in the teacher's loss: 2 in Depth Anything V2, where truth is rendered."""
    train_encoder: bool = True
    """Train encoders too; a frozen one is never changed."""

    teacher_mode: Literal["cached", "online", "hybrid"] = "cached"
    """Labels are written once, or the teacher is asked in every step, or asked only where there is no label."""
    label_dtype: Literal["uint16", "fp16"] = "uint16"
    """How labels are stored."""
    label_size: int = 0
    """Shorter side in pixels at which the teacher labels; 0: its own."""
    labels_per_shard: int = 1000
    """Pictures per label shard where they lie in a folder."""
    label_workers: int = 1
    """Processes that label."""
    label_threads: int = 0
    """Threads of each; 0: one per core.  Labels depend on it, for sums over several threads round differently."""

    baseline: bool = False
    """Train a network like the student on labelled pictures alone, as many updates, to compare with."""

    evaluate_on: tuple[str, ...] = ()
    """NAME or NAME=DIR: held-out datasets on which the models are compared; nothing: those that are validated on."""

    objective: Objective = "affine-invariant"
    """Affine-invariant losses, as in the papers, or SILog and Sobel gradients of logarithms, as in the V2 reference."""
    ssi_weight: float = 1.0
    """Weight of the affine-invariant loss."""
    grad_weight: float = 0.0
    """Weight of gradient matching in the student's loss (semi-supervised: of labelled pictures); 0 skips it."""
    ignore_largest: float = 0.0
    """Share of each pseudo-labelled picture's pixels, those of largest loss, that is not learned from."""

    feature_target: Literal["none", "dino-rgb", "depth-guide", "dino-on-depth"] = "none"
    """What the student's features are drawn to: its frozen beginning on the picture, a guide network or the frozen beginning
    on the label."""
    feature_loss: Literal["cosine", "cosine-margin", "cca", "cka"] = "cosine-margin"
    """How features are compared."""
    feature_margin: float = 0.85
    """Tokens more alike than this are left in peace (cosine-margin)."""
    feature_weight: float = 1.0
    """Weight of the alignment."""
    feature_input: Literal["same", "clean"] = "same"
    """Whether the frozen network sees what the student sees, or the picture before it was perturbed."""

    schedule: Schedule = "linear"
    """Learning-rate schedule of every stage."""
    lr: float = 5e-5
    """Learning rate of the student's decoder."""
    datasets: tuple[str, ...] = ("labelled_folder",)
    """Labelled data (leadline list datasets): the teacher learns from it; its held-out part validates every stage."""
    target_size: tuple[int, ...] = (518,)
    """Training size: side, or height and width; rounded to the encoder's patch with a message."""
    max_depth: float = 80.0
    """Metres; truth farther than this is not counted."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        require(0 <= self.ignore_largest < 1, "--ignore-largest in [0, 1)", self.ignore_largest, "e.g. 0.1")
        require(-1 <= self.feature_margin <= 1, "--feature-margin in [-1, 1]", self.feature_margin, "e.g. 0.85")
        require(len(self.unlabelled) > 0, "--unlabelled with at least one dataset", self.unlabelled, "e.g. image_folder")
        weights = (self.ssi_weight, self.grad_weight, self.teacher_grad_weight, self.feature_weight)
        require(min(weights) >= 0, "loss weights of 0 or more", weights, "raise them")
        require(self.ssi_weight > 0, "--ssi-weight above 0", self.ssi_weight, "e.g. 1")
        cache = self.cache_features
        require(cache == "off", "no --cache-features, for a student's pictures change", cache, "leave it out")

    @property
    def labelled_per_step(self) -> int:
        """Pictures with truth in a step; of the baseline that a student is compared with."""
        return self.batch_size
