# SPDX-License-Identifier: Apache-2.0
"""What a recipe reads, flag by flag: datasets, their folders, the size and number of pictures.  Free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from leadline.contracts.errors import require
from leadline.recipes.supervised.run_config import RunConfig

if TYPE_CHECKING:
    from leadline.data.request import OptionValue


Objective = Literal["affine-invariant", "log"]
"""The pairs of losses that disparity can be learned by, see ``disparity_terms``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig(RunConfig):
    """Flags of every recipe that learns from, or is watched on, pictures with depth."""

    least: ClassVar[dict[str, int]] = {
        **RunConfig.least,
        **dict.fromkeys(("epoch_images", "validation_images", "num_workers"), 0),
        **dict.fromkeys(("procedural_count", "prefetch_factor"), 1),
    }
    learns: ClassVar[Literal["metres", "disparity"]] = "metres"
    """What truth is turned into; disparity is also learned from data that know nothing else."""
    root_flags: ClassVar[dict[str, str]] = {"labelled_folder": "labelled_root"}
    """Fields that name one dataset's folder; any other is named by --dataset-root."""
    list_flags: ClassVar[dict[str, str]] = {}
    """Fields that name one dataset's list; any other is named by --dataset-list."""

    datasets: tuple[str, ...] = ("nyu", "sunrgbd")
    """What to train on (leadline list datasets).  ibims and da2k are benchmarks: they are validated on, not trained on."""
    dataset_root: tuple[str, ...] = ()
    """NAME=DIR: the folder of any dataset."""
    dataset_list: tuple[str, ...] = ()
    """NAME=FILE: the list of a dataset's samples, where it is not the usual one below its folder."""
    dataset_option: tuple[str, ...] = ()
    """NAME.KEY=VALUE: a dataset's own settings, e.g. nyu.crop_white_border=true."""
    dataset_weights: tuple[float, ...] = ()
    """Share of each training dataset in an epoch; empty: by number of pictures."""
    train_on_benchmarks: bool = False
    """Train on ibims nevertheless (its numbers then mean nothing)."""
    min_depth: float = 1e-3
    """Metres; truth nearer than this is not counted, and heads with bounds begin here."""
    max_depth: float = 10.0
    """Metres; truth farther than this is not counted, and heads with bounds end here."""
    epoch_images: int = 0
    """Pictures per epoch; 0 means one pass over all training pictures."""
    target_size: tuple[int, ...] = (384,)
    """Training size: side, or height and width; rounded to the encoder's patch with a message."""
    resize: Literal["cover", "squash"] = "cover"
    """cover keeps the aspect and crops; squash stretches as the reference does (prediction never stretches)."""
    augment: bool = True
    """Mirror, and change colours."""
    colour_jitter: bool = True
    """ZoeDepth's, as part of --augment."""
    rotate_deg: float = 0.0
    """Turn pictures by up to so many degrees either way (ZoeDepth: 1), as part of --augment; not with --cache-features."""
    cache_features: Literal["off", "memory", "disk"] = "off"
    """Compute a frozen encoder's features once; crops are then central and colours as they are, mirroring remains."""
    cache_dir: Path = Path("./feature-cache")
    """Where --cache-features disk keeps them, in a folder for each encoder's weights; other runs find them there."""
    num_workers: int = 4
    """Loader processes; the order of samples does not depend on it."""
    prefetch_factor: int = 2
    """Batches that each of them reads in advance."""
    pin_memory: bool = True
    """Page-locked batches, where there is a CUDA device."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """At an unreadable sample: stop, or count and name it and go on."""
    labelled_root: Path | None = None
    """Your own pictures with depth: a folder with manifest.jsonl, or image/ and depth/ side by side."""
    procedural_count: int = 4000
    """Number of built-in procedural training scenes."""
    procedural_kinds: tuple[Literal["room", "yard", "street"], ...] = ()
    """Kinds of procedural scenes; empty: the default mix of all three."""
    validation_images: int = 200
    """At most so many validation pictures per dataset and epoch, evenly spaced; 0 takes all."""

    def __post_init__(self) -> None:
        RunConfig.__post_init__(self)  # super() does not find its way in dataclasses with slots
        require(
            0 < self.min_depth < self.max_depth,
            "0 < --min-depth < --max-depth",
            (self.min_depth, self.max_depth),
            "give metres",
        )
        require(0 <= self.rotate_deg <= 45, "--rotate-deg from 0 to 45", self.rotate_deg, "e.g. --rotate-deg 1")
        require(
            len(self.target_size) in {1, 2} and min(self.target_size) > 0,
            "--target-size SIDE or HEIGHT WIDTH",
            self.target_size,
            "e.g. --target-size 392 518",
        )
        require(
            len(set(self.datasets)) == len(self.datasets) > 0,
            "--datasets without repetition",
            self.datasets,
            "name each once",
        )
        require(
            all(math.isfinite(share) and share >= 0 for share in self.dataset_weights),
            "--dataset-weights of 0 or more",
            self.dataset_weights,
            "give one share for each training dataset",
        )

    def dataset_options(self, name: str) -> dict[str, OptionValue]:  # noqa: ARG002
        """What flags of a recipe's own say about a dataset's settings."""
        return {}

    @property
    def size(self) -> tuple[int, int]:
        """Requested training size, (height, width) in pixels."""
        return (self.target_size[0], self.target_size[-1])
