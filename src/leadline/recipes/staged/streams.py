# SPDX-License-Identifier: Apache-2.0
"""What a student reads beside truth: flags and label folders enter, a stream of pictures with or without labels leaves."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.paths import exists
from leadline.contracts.sample import Field, Sample
from leadline.data.catalog import DATASETS, dataset_entry, open_dataset
from leadline.data.loader import LoaderSettings, SampleStream
from leadline.data.mixture import Mixture
from leadline.data.named_values import named_values
from leadline.data.picture_shards import picture_shards
from leadline.data.request import DatasetRequest
from leadline.data.subset import EvenSubset
from leadline.recipes.staged.stages import listing_of
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.spatial import RandomCrop, RandomFlip, ResizeCover, Squash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leadline.data.dataset import DepthDataset
    from leadline.recipes.staged.config import StagedConfig
    from leadline.training.distributed import Ranks
    from leadline.transforms.pipeline import Transform

logger = logging.getLogger(__name__)
_SCENES = 1_000_003  # seed of rendered scenes without truth: other scenes than those with truth, the same in every run


def unlabelled_roots(config: StagedConfig) -> dict[str, Path | None]:
    """Each unlabelled dataset with its folder, None for those made on the fly.

    Raises:
        UsageError: an unknown dataset, one without its folder, or a folder of one that is not used.
    """
    pairs = named_values(config.unlabelled_root, flag="--unlabelled-root", form="NAME=DIR")
    given = {name: Path(value) for name, value in pairs.items()}
    for name in given.keys() - set(config.unlabelled):
        raise UsageError(
            expected=f"--unlabelled-root about {', '.join(config.unlabelled)}",
            got=name,
            remedy="name it in --unlabelled too",
        )
    for name in config.unlabelled:
        if dataset_entry(name, flag="--unlabelled").needs_root and name not in given:
            raise UsageError(
                expected=f"--unlabelled-root {name}=DIR",
                got="nothing",
                remedy=f"give it, or leave {name} out of --unlabelled",
            )
    return {name: given.get(name) for name in config.unlabelled}


def labelled_in_bulk(config: StagedConfig) -> dict[str, Path]:
    """Folders of the unlabelled datasets that are nothing but pictures: of these, labels can be written.

    Raises:
        UsageError: labels are wanted of another: made on the fly, or with rasters in its folder that are no pictures.
    """
    roots = unlabelled_roots(config)
    found = {
        name: root
        for name, root in roots.items()
        if root is not None and DATASETS[name].provides == frozenset({Field.IMAGE})
    }
    others = [name for name in roots if name not in found]
    if others and config.teacher_mode == "cached":
        name, made = others[0], roots[others[0]] is None
        raise UsageError(
            expected="unlabelled pictures in files, with nothing else beside them, for --teacher-mode cached",
            got=f"{name}, which is made on the fly" if made else f"{name}, whose folder holds its truth too",
            remedy="say --teacher-mode online" + ("" if made else ", or give the folder of its pictures as image_folder"),
        )
    return found


def picture_lists(config: StagedConfig) -> dict[str, str]:
    """What lies in the folder of each unlabelled dataset, as ``listing_of`` tells it: what was added or removed shows.

    Raises:
        UsageError: as ``unlabelled_roots``.
        DataError: a folder that cannot be listed.
    """
    return {name: listing_of(root) for name, root in unlabelled_roots(config).items() if root is not None}


def require_unlabelled(config: StagedConfig) -> None:
    """Refuse pictures without truth that are not there, or cannot be labelled, before a teacher has been trained for them.

    Raises:
        UsageError: as ``unlabelled_roots`` and ``labelled_in_bulk``.
        DataError: a folder that does not exist; of those that are labelled, as ``picture_shards``.
    """
    for name, root in unlabelled_roots(config).items():
        if root is not None and not exists(root):
            raise DataError(
                expected=f"the pictures of --unlabelled-root {name}",
                got=f"{root}, which does not exist",
                remedy="check the path",
            )
    if config.teacher_mode != "online":
        for root in labelled_in_bulk(config).values():
            picture_shards(root, pictures_per_shard=config.labels_per_shard)


def unlabelled_pictures(config: StagedConfig, labels: Mapping[str, Path], size: tuple[int, int]) -> list[DepthDataset]:
    """The unlabelled datasets, with the labels that were written for them, by dataset, where there are any.

    Procedural scenes are rendered at ``size``, (height, width) pixels.  Truth of their own is left behind.

    Raises:
        UsageError, DataError: a dataset that is not what it should be.
    """
    parts: list[DepthDataset] = []
    for name, root in unlabelled_roots(config).items():
        labelled: DepthDataset | None = None
        if name in labels:
            request = DatasetRequest(root=root, options={"labels": str(labels[name])})
            labelled = open_dataset("pseudo_labels", request)
        if labelled and config.teacher_mode == "cached":
            parts.append(labelled)
        else:
            options = {"height": size[0], "width": size[1], "seed": _SCENES} if name == "procedural" else {}
            split = "train" if name == "procedural" else None
            bare = WithoutTruth(open_dataset(name, DatasetRequest(root=root, split=split, options=options)))
            parts.append(WhereLabelled(bare, labelled) if config.teacher_mode == "hybrid" else bare)
    if config.unlabelled_images:
        parts = [EvenSubset(part, config.unlabelled_images) for part in parts]
    return parts


class WithoutTruth:
    """A dataset's pictures alone.

    Args:
        source: whatever it knows beside them is left behind.
    """

    provides: frozenset[Field] = frozenset({Field.IMAGE})

    def __init__(self, source: DepthDataset) -> None:
        self._source = source
        self.name = source.name

    def __len__(self) -> int:
        return len(self._source)

    def key(self, index: int, /) -> str:
        """The source's."""
        return self._source.key(index)

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1].  DataError as the source raises it."""
        found = self._source[index]
        return Sample(key=found.key, dataset=found.dataset, image=found.image)


class WhereLabelled:
    """All pictures, with the label of those that have one; of the others nothing is valid, and the teacher is asked.

    Args:
        pictures: all of them.
        labelled: some of them again, by the same keys, with labels; None for none of them.
    """

    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH})

    def __init__(self, pictures: DepthDataset, labelled: DepthDataset | None) -> None:
        self._pictures, self._labelled = pictures, labelled
        self._places = {labelled.key(index): index for index in range(len(labelled))} if labelled else {}
        self.name = pictures.name

    def __len__(self) -> int:
        return len(self._pictures)

    def key(self, index: int, /) -> str:
        """The picture's."""
        return self._pictures.key(index)

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W), disparity and mask (H, W).  DataError for a picture that cannot be read."""
        place = self._places.get(self.key(index))
        if place is not None and self._labelled is not None:
            try:
                return dataclasses.replace(self._labelled[place], dataset=self.name)
            except DataError as error:
                logger.warning("label of %s left out: %s", self.key(index), error)
        found = self._pictures[index]
        nothing = found.image.new_zeros(found.image.shape[-2:])
        return Sample(
            key=found.key,
            dataset=found.dataset,
            image=found.image,
            depth=nothing,
            valid=nothing.bool(),
            kind=DepthKind.AFFINE_DISPARITY,
        )


def unlabelled_stream(
    config: StagedConfig, parts: list[DepthDataset], size: tuple[int, int], ranks: Ranks, *, batch_size: int
) -> SampleStream:
    """Shuffled batches of ``batch_size`` clean pictures over all ranks, (height, width) pixels each, labels moved along.

    Raises:
        UsageError: a batch that the processes cannot share, or fewer pictures than one batch.
    """
    if batch_size % ranks.world:
        raise UsageError(
            expected=f"unlabelled pictures per step that {ranks.world} processes can share",
            got=str(batch_size),
            remedy="change --batch-size",
        )
    shape: list[Transform] = [Squash(*size)] if config.resize == "squash" else [ResizeCover(*size), RandomCrop(*size)]
    steps = Pipeline([*shape, RandomFlip()] if config.augment else shape)
    source = Mixture(parts, [float(len(part)) for part in parts], seed=config.seed + 1)
    settings = LoaderSettings(
        batch_size=batch_size // ranks.world,
        workers=config.num_workers,
        ahead=config.prefetch_factor,
        pin_memory=config.pin_memory,
        seed=config.seed + 1,
        on_unreadable=config.on_unreadable,
        rank=ranks.rank,
        world=ranks.world,
    )
    return SampleStream(source, steps, settings, shuffle=True)
