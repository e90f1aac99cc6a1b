# SPDX-License-Identifier: Apache-2.0
"""What training in the manner of monodepth2 reads: flags enter; a stream of frames and those it is watched on leave."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.data.catalog import DATASETS, dataset_entry, open_dataset
from leadline.data.loader import SampleStream
from leadline.data.mixture import Mixture
from leadline.data.needs import require_fields
from leadline.data.subset import EvenSubset
from leadline.recipes.supervised.data import dataset_request
from leadline.recipes.supervised.loading import loader_settings
from leadline.transforms.pair_scale import RandomScale
from leadline.transforms.pipeline import Pipeline
from leadline.transforms.spatial import RandomCrop, Squash, ValidRange

if TYPE_CHECKING:
    from leadline.contracts.sample import Field
    from leadline.data.dataset import DepthDataset
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.training.distributed import Ranks

logger = logging.getLogger(__name__)


def open_frames(name: str, config: StereoConfig, needs: frozenset[Field], *, part: str) -> DepthDataset:
    """One dataset as the flags describe it; ``part`` is "train" or "val".

    Raises:
        LeadlineError: it cannot give what is needed, its flags were not given, or it is not what it should be.
    """
    if not needs <= dataset_entry(name, flag="--datasets").provides:
        suitable = [one for one, entry in DATASETS.items() if needs <= entry.provides]
        wanted = ", ".join(sorted(field.name for field in needs))
        raise UsageError(
            expected=f"--datasets with {wanted} for --sources {config.sources} ({', '.join(suitable)})",
            got=name,
            remedy="frame_folder reads your own recordings",
        )
    size = (config.full_size[0], config.full_size[1])
    found = open_dataset(name, dataset_request(name, config, part=part, size=size))
    require_fields(needs, found.provides, name)
    return found


def frame_stream(config: StereoConfig, needs: frozenset[Field], ranks: Ranks) -> SampleStream:
    """Shuffled batches over all ranks, scaled and cropped; the recipe mirrors them, second views included.

    Raises:
        LeadlineError: as ``open_frames``.
    """
    parts = [open_frames(name, config, needs, part="train") for name in config.datasets]
    for name, part in zip(config.datasets, parts, strict=True):
        logger.info("%s: %d training frames", name, len(part))
    weights = config.dataset_weights or tuple(float(len(part)) for part in parts)
    source = Mixture(parts, weights, seed=config.seed, epoch_length=config.epoch_images or None)
    height, width = config.full_size
    scale = RandomScale(height, width, (config.scale_range[0], config.scale_range[1]))
    steps = Pipeline([scale, RandomCrop(*config.target_size)])
    return SampleStream(source, steps, loader_settings(config, ranks), shuffle=True)


def watched_frames(config: StereoConfig, needs: frozenset[Field]) -> dict[str, SampleStream]:
    """Held-out frames by dataset, whole, at --full-size.

    Raises:
        LeadlineError: as ``open_frames``.
    """
    steps = Pipeline([Squash(*config.full_size), ValidRange(config.min_depth, config.max_depth)])
    found = {}
    for name in config.datasets:
        whole = open_frames(name, config, needs, part="val")
        part = EvenSubset(whole, config.validation_images) if config.validation_images else whole
        found[name] = SampleStream(part, steps, loader_settings(config, None), shuffle=False)
    return found
