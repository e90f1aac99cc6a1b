# SPDX-License-Identifier: Apache-2.0
"""What the ``stereo`` recipe reads: flags enter; a stream of pairs, those it is watched on, and their rig, leave."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS, dataset_entry, open_dataset
from leadline.data.loader import SampleStream
from leadline.data.mixture import Mixture
from leadline.data.needs import require_fields
from leadline.data.stereo_check import require_pairs
from leadline.data.subset import EvenSubset
from leadline.models.stereo.config import TrainingRig
from leadline.recipes.supervised.data import dataset_request
from leadline.recipes.supervised.loading import loader_settings
from leadline.transforms.pair_scale import RandomScale
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.spatial import RandomCrop, RandomFlip, Squash, ValidRange, resize_sample

if TYPE_CHECKING:
    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.training.distributed import Ranks
    from leadline.transforms.pipeline import Transform

logger = logging.getLogger(__name__)
PAIRS = frozenset({Field.IMAGE, Field.STEREO})
_RIGS_LOOKED_AT = 8
_RIGS_ALIKE = 0.03
"""Relative spread of baselines that one eye can still learn as one; KITTI's days differ by 1 %.  Focal lengths may differ: a
longer one makes everything larger in the picture, which one eye sees."""


def pair_names(config: StereoConfig) -> tuple[str, ...]:
    """The datasets of the flag.

    Raises:
        UsageError: an unknown name, or a dataset without pairs.
    """
    for name in config.datasets:
        if Field.STEREO not in dataset_entry(name, flag="--datasets").provides:
            paired = [one for one, entry in DATASETS.items() if Field.STEREO in entry.provides]
            raise UsageError(
                expected=f"--datasets with rectified pairs ({', '.join(paired)})",
                got=name,
                remedy="stereo_folder reads your own pairs",
            )
    return config.datasets


def open_pairs(name: str, config: StereoConfig, *, part: str) -> DepthDataset:
    """One dataset as the flags describe it; ``part`` is "train" or "val".

    Raises:
        LeadlineError: what it needs was not given, or it is not what it should be.
    """
    size = (config.full_size[0], config.full_size[1])
    found = open_dataset(name, dataset_request(name, config, part=part, size=size))
    require_fields(PAIRS, found.provides, name)
    return found


def pair_stream(config: StereoConfig, ranks: Ranks) -> SampleStream:
    """Shuffled batches of pairs over all ranks: scaled, cropped, mirrored with the views changing sides.

    Raises:
        UsageError, ContractError, DataError: a dataset that is not there or has no pairs, or pairs that are none.
    """
    names = pair_names(config)
    parts = [open_pairs(name, config, part="train") for name in names]
    for name, part in zip(names, parts, strict=True):
        logger.info("%s: %d training pairs", name, len(part))
        if config.check_pairs and ranks.rank == 0:
            require_pairs(part, probed=config.check_pairs)
    weights = config.dataset_weights or tuple(float(len(part)) for part in parts)
    source = Mixture(parts, weights, seed=config.seed, epoch_length=config.epoch_images or None)
    height, width = config.full_size
    steps: list[Transform] = [
        RandomScale(height, width, (config.scale_range[0], config.scale_range[1])),
        RandomCrop(*config.target_size),
        *([RandomFlip(keep="stereo")] if config.augment else []),
    ]
    return SampleStream(source, Pipeline(steps), loader_settings(config, ranks), shuffle=True)


def watched_pairs(config: StereoConfig) -> dict[str, SampleStream]:
    """Held-out pairs by dataset, whole, at --full-size."""
    height, width = config.full_size
    steps = Pipeline([Squash(height, width), ValidRange(config.min_depth, config.max_depth)])
    settings = loader_settings(config, None)
    found = {}
    for name in pair_names(config):
        whole = open_pairs(name, config, part="val")
        part = EvenSubset(whole, config.validation_images) if config.validation_images else whole
        found[name] = SampleStream(part, steps, settings, shuffle=False)
    return found


def training_rig(config: StereoConfig) -> TrainingRig | None:
    """The rig of the first training pairs at --full-size; None where they have none, which is said.

    A warning where the rigs of the pairs differ: one eye cannot tell how far apart the two were.
    """
    part = open_pairs(pair_names(config)[0], config, part="train")
    rigs = [rig for sample in _readable(EvenSubset(part, _RIGS_LOOKED_AT)) if (rig := _rig(sample, config)) is not None]
    if not rigs:
        logger.warning("the training pairs have no calibration: depth stays in pixels of disparity")
        return None
    baselines = [rig.baseline_m for rig in rigs]
    if max(baselines) > (1 + _RIGS_ALIKE) * min(baselines):
        logger.warning(
            "the training pairs have baselines from %.3g to %.3g m: one eye cannot see how far apart the two were, so it "
            "learns something between them, and its metres are those of none",
            min(baselines),
            max(baselines),
        )
    return rigs[0]


def _readable(part: EvenSubset) -> list[Sample]:
    found = []
    for index in range(len(part)):
        try:
            found.append(part[index])
        except DataError:
            continue  # the stream names it when its turn comes
    return found


def _rig(sample: Sample, config: StereoConfig) -> TrainingRig | None:
    if sample.camera is None or sample.stereo is None or float(sample.stereo.baseline_m) <= 0:
        return None
    fitted = resize_sample(sample, config.full_size[0], config.full_size[1])
    assert fitted.camera is not None
    return TrainingRig(
        baseline_m=float(sample.stereo.baseline_m),
        focal_px=float(fitted.camera.matrix[0, 0]),
        width_px=float(config.full_size[1]),
    )
