# SPDX-License-Identifier: Apache-2.0
"""What the ``metric`` recipe reads: its flags enter, one training stream and named validation streams leave."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS, open_dataset
from leadline.data.loader import LoaderSettings, SampleStream
from leadline.data.mixture import Mixture
from leadline.data.needs import require_fields
from leadline.data.probe import require_metres
from leadline.data.request import DatasetRequest, OptionValue
from leadline.data.subset import EvenSubset
from leadline.transforms.photometric import ColourJitter
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.spatial import CentreCrop, RandomCrop, RandomFlip, ResizeCover, Squash, ValidRange

if TYPE_CHECKING:
    from leadline.data.dataset import DepthDataset
    from leadline.recipes.metric_config import DatasetName, MetricConfig
    from leadline.training.distributed import Ranks
    from leadline.transforms.pipeline import Transform

logger = logging.getLogger(__name__)

ALL_PROCEDURAL = 500
"""Procedural scenes have no end: as many are held out where "all" is asked for."""


def training_names(config: MetricConfig) -> list[DatasetName]:
    """The datasets that are trained on, in the order of the flag.

    Raises:
        UsageError: nothing but benchmarks was named, or DA-2K is to be trained on, which has no depth.
    """
    forced = config.train_on_benchmarks
    names = [name for name in config.datasets if not DATASETS[name].evaluation_only or (forced and name != "da2k")]
    if not names:
        raise UsageError(
            expected="--datasets with at least one dataset to train on (nyu, sunrgbd, procedural, labelled_folder)",
            got=" ".join(config.datasets),
            remedy="ibims and da2k are benchmarks and only validated on; add a training dataset",
        )
    return names


def validation_names(config: MetricConfig) -> list[DatasetName]:
    """The datasets that are validated on: all that were named; a benchmark that is trained on is not.

    Raises:
        UsageError: none is left, but validation is on.
    """
    names = [name for name in config.datasets if not (config.train_on_benchmarks and name == "ibims")]
    if config.validate and not [name for name in names if name != "da2k"]:
        raise UsageError(
            expected="a dataset with depth to validate on",
            got=f"{' '.join(config.datasets)}, all trained on as a whole",
            remedy="add a dataset with a held-out part, or say --no-validate",
        )
    return names


def open_part(name: DatasetName, config: MetricConfig, *, part: str, size: tuple[int, int]) -> DepthDataset:
    """One dataset as the flags describe it; ``part`` is "train" or "val", which are disjoint.

    Procedural scenes are rendered at ``size``, (height, width) pixels; files have their own.

    Raises:
        UsageError: a flag that the dataset needs was not given.
        DataError: the dataset is not what it should be.
    """
    return open_dataset(name, _request(name, config, part, size))


def training_stream(config: MetricConfig, size: tuple[int, int], ranks: Ranks) -> SampleStream:
    """Shuffled, augmented batches of ``config.batch_size`` over all ranks, (height, width) pixels each."""
    names = training_names(config)
    parts = [open_part(name, config, part="train", size=size) for name in names]
    for name, part in zip(names, parts, strict=True):
        require_fields(frozenset({Field.IMAGE, Field.DEPTH}), part.provides, name)
        require_metres(part, min_m=config.min_depth, max_m=config.max_depth)
        logger.info("%s: %d training pictures", name, len(part))
    weights = config.dataset_weights or tuple(float(len(part)) for part in parts)
    source = Mixture(parts, weights, seed=config.seed, epoch_length=config.epoch_images or None)
    return SampleStream(source, Pipeline(_training_steps(config, size)), _loader(config, ranks), shuffle=True)


def validation_streams(config: MetricConfig, size: tuple[int, int]) -> dict[str, SampleStream]:
    """Each validation dataset that has depth, in order, without augmentation, at the training size in pixels."""
    steps = Pipeline([*_shape(config, size, cropped=CentreCrop(*size)), ValidRange(config.min_depth, config.max_depth)])
    parts = {name: held_out(name, config, part="val", size=size) for name in validation_names(config) if name != "da2k"}
    return {name: SampleStream(part, steps, _loader(config, None), shuffle=False) for name, part in parts.items()}


def ordinal_pictures(config: MetricConfig) -> DepthDataset | None:
    """DA-2K, whose pairs are scored at the pictures' own size; None where it is not among the datasets."""
    return held_out("da2k", config, part="val", size=config.size) if "da2k" in config.datasets else None


def held_out(name: DatasetName, config: MetricConfig, *, part: str, size: tuple[int, int]) -> DepthDataset:
    """At most ``config.validation_images`` pictures of a part that is not trained on, evenly spaced; 0 takes all."""
    whole = open_part(name, config, part=part, size=size)
    return EvenSubset(whole, config.validation_images) if config.validation_images else whole


def _training_steps(config: MetricConfig, size: tuple[int, int]) -> list[Transform]:
    shaped = _shape(config, size, cropped=RandomCrop(*size))
    if not config.augment:
        return shaped
    return [*shaped, RandomFlip(), ColourJitter()]


def _shape(config: MetricConfig, size: tuple[int, int], *, cropped: Transform) -> list[Transform]:
    return [Squash(*size)] if config.resize == "squash" else [ResizeCover(*size), cropped]


def _loader(config: MetricConfig, ranks: Ranks | None) -> LoaderSettings:
    world = ranks.world if ranks else 1
    if config.batch_size % world:
        raise UsageError(
            expected=f"--batch-size divisible by the {world} processes",
            got=str(config.batch_size),
            remedy="change one of them",
        )
    return LoaderSettings(
        batch_size=config.batch_size // world,
        workers=config.num_workers,
        pin_memory=config.pin_memory,
        seed=config.seed,
        on_unreadable=config.on_unreadable,
        rank=ranks.rank if ranks else 0,
        world=world,
    )


def _request(name: DatasetName, config: MetricConfig, part: str, size: tuple[int, int]) -> DatasetRequest:
    if name == "nyu":
        _require(config.nyu_csv and config.nyu_root, "--nyu-csv and --nyu-root", name)
        return DatasetRequest(root=config.nyu_root, listing=config.nyu_csv, split=part)
    if name == "sunrgbd":
        _require(config.sunrgbd_root, "--sunrgbd-root", name)
        options = {"use_bfx_depth": config.use_bfx_depth, "exclude_nyu": config.exclude_nyu_leak}
        return DatasetRequest(root=config.sunrgbd_root, listing=config.sunrgbd_json, split=part, options=options)
    if name == "ibims":
        _require(config.ibims_root, "--ibims-root", name)
        return DatasetRequest(root=config.ibims_root)
    if name == "da2k":
        _require(config.da2k_root, "--da2k-root", name)
        return DatasetRequest(root=config.da2k_root, listing=config.da2k_annotation)
    if name == "labelled_folder":
        _require(config.labelled_root, "--labelled-root", name)
        return DatasetRequest(root=config.labelled_root, split=part)
    count = config.procedural_count if part == "train" else config.validation_images or ALL_PROCEDURAL
    kinds = ",".join(config.procedural_kinds)
    scenes: dict[str, OptionValue] = {
        "count": count,
        "seed": config.seed,
        "height": size[0],
        "width": size[1],
        "kinds": kinds,
    }
    return DatasetRequest(split=part, options=scenes)


def _require(given: object, flags: str, name: str) -> None:
    if not given:
        raise UsageError(
            expected=f"{flags} for dataset {name}", got="nothing", remedy=f"give it, or leave {name} out of --datasets"
        )
