# SPDX-License-Identifier: Apache-2.0
"""What a recipe reads: its flags enter, one training stream and named validation streams leave."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, TypeVar

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS, dataset_entry, open_dataset
from leadline.data.loader import SampleStream
from leadline.data.mixture import Mixture
from leadline.data.needs import require_fields
from leadline.data.probe import require_truth
from leadline.data.procedural_request import DEFAULT_COUNT
from leadline.data.request import DatasetRequest, OptionValue
from leadline.data.subset import EvenSubset
from leadline.recipes.supervised.dataset_flags import read_dataset_flags
from leadline.recipes.supervised.loading import loader_settings
from leadline.transforms.claims import AsDisparity
from leadline.transforms.photometric import ColourJitter
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.rotation import RandomRotation
from leadline.transforms.spatial import CentreCrop, RandomCrop, RandomFlip, ResizeCover, Squash, ValidRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset
    from leadline.recipes.supervised.data_config import DataConfig
    from leadline.training.distributed import Ranks
    from leadline.transforms.pipeline import Transform

logger = logging.getLogger(__name__)

Flags = TypeVar("Flags", bound="DataConfig")
_DEPTH = frozenset({Field.IMAGE, Field.DEPTH})
_LEARNED_FROM = {
    "metres": frozenset({DepthKind.METRIC}),
    "disparity": frozenset({DepthKind.METRIC, DepthKind.AFFINE_DISPARITY}),
}


def training_names(config: DataConfig) -> list[str]:
    """The datasets that are trained on, in the order of the flag.

    Raises:
        UsageError: an unknown name, one without depth or pairs, or nothing but benchmarks.
    """
    forced = config.train_on_benchmarks
    names = [name for name in _checked(config) if has_depth(name) and (forced or not DATASETS[name].evaluation_only)]
    if not names:
        trainable = [name for name in DATASETS if has_depth(name) and not DATASETS[name].evaluation_only]
        raise UsageError(
            expected=f"--datasets with at least one dataset to train on ({', '.join(trainable)})",
            got=" ".join(config.datasets),
            remedy="benchmarks are only validated on; add a training dataset",
        )
    return names


def validation_names(config: DataConfig) -> list[str]:
    """The datasets that are validated on: all that were named; a benchmark that is trained on is not.

    Raises:
        UsageError: an unknown name, one without depth or pairs; none with depth is left, but validation is on.
    """
    trained_whole = {name for name in training_names(config) if DATASETS[name].evaluation_only}
    names = [name for name in _checked(config) if name not in trained_whole]
    if config.validate and not any(has_depth(name) for name in names):
        raise UsageError(
            expected="a dataset with depth to validate on",
            got=f"{' '.join(config.datasets)}, all trained on as a whole",
            remedy="add a dataset with a held-out part, or say --no-validate",
        )
    return names


def has_depth(name: str) -> bool:
    """Whether a dataset of the catalog comes with depth; DA-2K, for one, has ordinal pairs only."""
    return Field.DEPTH in dataset_entry(name).provides


def _checked(config: DataConfig) -> tuple[str, ...]:
    for name in config.datasets:
        dataset_entry(name, flag="--datasets")
        if not has_depth(name) and Field.ORDINAL not in dataset_entry(name).provides:
            raise UsageError(
                expected="--datasets with depth or ordinal pairs",
                got=f"{name}, which has pictures only",
                remedy="labelled_folder reads your own pictures with depth",
            )
    return config.datasets


def open_part(name: str, config: DataConfig, *, part: str, size: tuple[int, int]) -> DepthDataset:
    """One dataset as the flags describe it; ``part`` is "train" or "val", which are disjoint.

    Procedural scenes are rendered at ``size``, (height, width) pixels; files have their own.

    Raises:
        UsageError: a flag that the dataset needs was not given.
        DataError: the dataset is not what it should be.
    """
    return open_dataset(name, dataset_request(name, config, part=part, size=size))


def dataset_request(name: str, config: DataConfig, *, part: str, size: tuple[int, int]) -> DatasetRequest:
    """What is asked of one dataset: folder, list, split and options; a benchmark has no parts.

    Raises:
        UsageError: a flag that the dataset needs was not given, or one about a dataset that is not used.
    """
    flags = read_dataset_flags(
        config.datasets,
        roots=(*config.dataset_root, *_named(config, config.root_flags)),
        lists=(*config.dataset_list, *_named(config, config.list_flags)),
        options=config.dataset_option,
    )
    root_field = config.root_flags.get(name, "")
    request = flags.request(name, part=part, root_flag=root_field and f"--{root_field.replace('_', '-')}")
    return dataclasses.replace(request, options={**_own_options(name, config, part, size), **request.options})


def training_stream(
    config: DataConfig,
    size: tuple[int, int],
    ranks: Ranks,
    *,
    needs: frozenset[Field] = _DEPTH,
    steps: Sequence[Transform] | None = None,
    adds: frozenset[Field] = frozenset(),
) -> SampleStream:
    """Shuffled, augmented batches of ``config.batch_size`` over all ranks, (height, width) pixels each.

    ``steps`` that a recipe has of its own take the place of those that the flags describe, and give samples ``adds``.

    Raises:
        UsageError, ContractError, DataError: a dataset that is not there, lacks a field of ``needs``, or is not in metres.
    """
    names = training_names(config)
    parts = [open_part(name, config, part="train", size=size) for name in names]
    for name, part in zip(names, parts, strict=True):
        require_fields(needs - adds, part.provides, name)
        require_truth(part, _LEARNED_FROM[config.learns], min_m=config.min_depth, max_m=config.max_depth)
        logger.info("%s: %d training pictures", name, len(part))
    weights = config.dataset_weights or tuple(float(len(part)) for part in parts)
    source = Mixture(parts, weights, seed=config.seed, epoch_length=config.epoch_images or None)
    pipeline = Pipeline(_training_steps(config, size) if steps is None else steps)
    return SampleStream(source, pipeline, loader_settings(config, ranks), shuffle=True, adds=adds)


def validation_streams(config: DataConfig, size: tuple[int, int]) -> dict[str, SampleStream]:
    """Each validation dataset that has depth, in order, without augmentation, at the training size in pixels."""
    steps = Pipeline(_shape(config, size, cropped=CentreCrop(*size), watched=True))
    parts = {name: held_out(name, config, part="val", size=size) for name in validation_names(config) if has_depth(name)}
    return {name: SampleStream(part, steps, loader_settings(config, None), shuffle=False) for name, part in parts.items()}


def ordinal_pictures(config: DataConfig) -> DepthDataset | None:
    """The first dataset that has pairs but no depth (DA-2K), scored at the pictures' own size; None without one."""
    name = next((name for name in validation_names(config) if not has_depth(name)), None)
    return None if name is None else held_out(name, config, part="val", size=config.size)


def held_out(name: str, config: DataConfig, *, part: str, size: tuple[int, int]) -> DepthDataset:
    """At most ``config.validation_images`` pictures of a part that is not trained on, evenly spaced; 0 takes all."""
    whole = open_part(name, config, part=part, size=size)
    return EvenSubset(whole, config.validation_images) if config.validation_images else whole


def knows_metres(part: DepthDataset) -> bool:
    """Whether the first sample that can be read is in metres, which scores need; a dataset of disparity is not scored."""
    for index in range(len(part)):
        try:
            return part[index].kind is DepthKind.METRIC
        except DataError:
            continue
    return True  # whoever scores it will name what cannot be read


def stated_in_metres(config: Flags) -> Flags:
    """The same flags, but the datasets that can choose in which space they state their truth choose metres."""
    options = [one for one in config.dataset_option if not one.startswith("labelled_folder.")]  # its space is what it holds
    space = {one for one in options if one.partition("=")[0].rpartition(".")[2] in {"space", "sky"}}
    return dataclasses.replace(config, dataset_option=tuple(one for one in config.dataset_option if one not in space))


def _training_steps(config: DataConfig, size: tuple[int, int]) -> list[Transform]:
    comes_again = config.cache_features != "off"
    shaped = _shape(config, size, cropped=CentreCrop(*size) if comes_again else RandomCrop(*size), watched=False)
    if not config.augment:
        return shaped
    if config.rotate_deg and not comes_again:
        shaped = [RandomRotation(config.rotate_deg), *shaped]  # first: once squashed, a picture has no square pixels
    return [*shaped, RandomFlip(), ColourJitter()] if config.colour_jitter and not comes_again else [*shaped, RandomFlip()]


def _shape(config: DataConfig, size: tuple[int, int], *, cropped: Transform, watched: bool) -> list[Transform]:
    in_range: Transform = ValidRange(config.min_depth, config.max_depth)
    if config.learns == "disparity":
        as_disparity = AsDisparity(config.min_depth, config.max_depth)
        in_range = _MetresStay(in_range, as_disparity) if watched else as_disparity
    return [Squash(*size), in_range] if config.resize == "squash" else [ResizeCover(*size), cropped, in_range]


@dataclasses.dataclass(frozen=True, slots=True)
class _MetresStay:
    """What is watched keeps its metres, which metrics need; truth that has none is disparity, of which there is a loss."""

    metres: Transform
    disparity: Transform

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        return (self.metres if sample.kind is DepthKind.METRIC else self.disparity)(sample, generator)


def _named(config: DataConfig, fields: Mapping[str, str]) -> list[str]:
    """Path flags of one dataset in the common form, for the datasets that are used."""
    given = {name: getattr(config, field) for name, field in fields.items() if name in config.datasets}
    return [f"{name}={path}" for name, path in given.items() if path]


def _own_options(name: str, config: DataConfig, part: str, size: tuple[int, int]) -> dict[str, OptionValue]:
    """What flags beside --dataset-option say about a dataset's settings."""
    if name == "procedural":
        count = config.procedural_count if part == "train" else config.validation_images or DEFAULT_COUNT  # of all
        kinds = ",".join(config.procedural_kinds)
        own: dict[str, OptionValue] = {
            "count": count,
            "seed": config.seed,
            "height": size[0],
            "width": size[1],
            "kinds": kinds,
        }
        return own | config.dataset_options(name)
    return config.dataset_options(name)
