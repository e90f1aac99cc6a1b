# SPDX-License-Identifier: Apache-2.0
"""What the ``jepa`` recipe reads: flags enter; a stream of views or of whole pictures, and what it is watched on, leave."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.catalog import dataset_entry, open_dataset
from leadline.data.loader import SampleStream
from leadline.data.mixture import Mixture
from leadline.recipes.supervised.data import (
    dataset_request,
    has_depth,
    held_out,
    open_part,
    training_names,
    training_stream,
    validation_names,
)
from leadline.recipes.supervised.loading import loader_settings
from leadline.transforms.multiview import OFFICIAL_COLOURS, REFERENCE_COLOURS, Crops, MultiView
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.rotation import RandomRotation
from leadline.transforms.spatial import RandomFlip, ValidRange
from leadline.transforms.whole import Whole

if TYPE_CHECKING:
    import torch

    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset
    from leadline.recipes.jepa.config import JepaConfig
    from leadline.training.distributed import Ranks
    from leadline.transforms.pipeline import Transform
    from leadline.transforms.strong import StrongPerturbation

logger = logging.getLogger(__name__)
_VIEWS = frozenset({Field.VIEWS})
_SOLARIZE_P = 0.2  # of LeJEPA's views


def jepa_stream(config: JepaConfig, crops: MultiView | Whole, ranks: Ranks) -> SampleStream:
    """Shuffled batches of views, or of whole pictures, over all ranks.

    Raises:
        UsageError, ContractError, DataError: a dataset that is not there, has no depth to learn from, or is not in metres.
    """
    size = crops.global_views.size if isinstance(crops, MultiView) else config.size
    steps = _steps(config, crops)
    if config.depth_weight:
        needs = frozenset({Field.IMAGE, Field.DEPTH})
        return training_stream(config, size, ranks, needs=needs, steps=steps, adds=_adds(crops))
    parts = pictures_alone(config, size)
    weights = config.dataset_weights or tuple(float(len(part)) for part in parts)
    source = Mixture(parts, weights, seed=config.seed, epoch_length=config.epoch_images or None)
    pipeline = Pipeline([_WithoutTruth(), *steps])
    return SampleStream(source, pipeline, loader_settings(config, ranks), shuffle=True, adds=_adds(crops))


def whole_validation(config: JepaConfig, whole: Whole) -> dict[str, SampleStream]:
    """Each validation dataset with depth, its pictures whole and one by one, without augmentation."""
    alone = dataclasses.replace(loader_settings(config, None), batch_size=1)
    steps = Pipeline([whole, ValidRange(config.min_depth, config.max_depth)])
    parts = {
        name: held_out(name, config, part="val", size=config.size) for name in validation_names(config) if has_depth(name)
    }
    return {name: SampleStream(part, steps, alone, shuffle=False) for name, part in parts.items()}


def pictures_alone(config: JepaConfig, size: tuple[int, int]) -> list[DepthDataset]:
    """The training pictures of datasets with and without depth; procedural scenes are rendered at ``size`` in pixels.

    Raises:
        UsageError: nothing but benchmarks, or a dataset that is not what it should be.
    """
    names = [name for name in config.datasets if config.train_on_benchmarks or not dataset_entry(name).evaluation_only]
    if not names:
        raise UsageError(
            expected="--datasets with a dataset to train on", got=" ".join(config.datasets), remedy="add one with pictures"
        )
    parts = [_pictures(name, config, size) for name in names]
    for name, part in zip(names, parts, strict=True):
        logger.info("%s: %d training pictures, without their depth", name, len(part))
    return parts


def first_size(config: JepaConfig, whole: Whole) -> tuple[int, int]:
    """(height, width) in pixels with which the first training picture that can be read leaves ``whole``.

    Raises:
        DataError: none can be read.
    """
    if config.depth_weight:
        part = open_part(training_names(config)[0], config, part="train", size=config.size)
    else:
        part = pictures_alone(config, config.size)[0]
    for index in range(len(part)):
        try:
            height, width = part[index].image.shape[1:]
        except DataError:
            continue
        return whole.size(height, width)
    raise DataError(expected=f"a readable picture in {part.name}", got="none", remedy="check the folder")


def multi_view(config: JepaConfig, sizes: tuple[tuple[int, int], tuple[int, int]]) -> MultiView:
    """The views that the flags describe, of these sizes (height, width) in pixels; what nobody learns from is not cut."""
    coloured = config.augment and config.colour_jitter
    of_use = config.judges or config.depth_on == "all"
    return MultiView(
        global_views=Crops(count=config.v_global, size=sizes[0], area=config.global_area),
        local_views=Crops(count=config.v_local if of_use else 0, size=sizes[1], area=config.local_area),
        flip_p=0.5 if config.augment else 0.0,
        colours=_colours(config) if coloured else None,
        solarize_p=_SOLARIZE_P if config.colours == "official" and coloured else 0.0,
    )


def _steps(config: JepaConfig, crops: MultiView | Whole) -> list[Transform]:
    """From a sample as its dataset has it to what is trained on."""
    steps: list[Transform] = [RandomRotation(config.rotate_deg)] if config.augment and config.rotate_deg else []
    steps += [ValidRange(config.min_depth, config.max_depth), crops]
    if isinstance(crops, MultiView) or not config.augment:
        return steps
    recoloured: list[Transform] = [_Recoloured(_colours(config))] if config.colour_jitter else []
    return [*steps, RandomFlip(), *recoloured]


def _colours(config: JepaConfig) -> StrongPerturbation:
    return OFFICIAL_COLOURS if config.colours == "official" else REFERENCE_COLOURS


def _adds(crops: MultiView | Whole) -> frozenset[Field]:
    return _VIEWS if isinstance(crops, MultiView) else frozenset()


def _pictures(name: str, config: JepaConfig, size: tuple[int, int]) -> DepthDataset:
    request = dataset_request(name, config, part="train", size=size)
    return open_dataset(name, request if has_depth(name) else dataclasses.replace(request, split=None))


@dataclasses.dataclass(frozen=True, slots=True)
class _WithoutTruth:
    """The picture alone: depth that nobody learns from costs time."""

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:  # noqa: ARG002 (the contract of transforms)
        return dataclasses.replace(sample, depth=None, valid=None)


@dataclasses.dataclass(frozen=True, slots=True)
class _Recoloured:
    """Colours of a whole picture, as those of a view."""

    colours: StrongPerturbation

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        return dataclasses.replace(sample, image=self.colours(sample.image[None], generator)[0])
