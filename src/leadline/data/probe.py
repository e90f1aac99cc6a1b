# SPDX-License-Identifier: Apache-2.0
"""A dataset that is about to be trained on enters; what a few samples show to be wrong is said before the first batch."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.data.conventions import require_conventions
from leadline.data.subset import EvenSubset
from leadline.data.suspicions import suspicions

if TYPE_CHECKING:
    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset

logger = logging.getLogger(__name__)

PROBED = 4
"""Samples that are read, evenly spaced."""


def require_truth(dataset: DepthDataset, kinds: frozenset[DepthKind], *, min_m: float, max_m: float) -> None:
    """Read a few samples and refuse a dataset that a recipe cannot learn from; doubts about units are logged.

    Args:
        dataset: to be trained on.
        kinds: claims of depth that the recipe can use.
        min_m, max_m: metres outside of which truth is not counted; disparity has no range.

    Unreadable samples are left to the loader's policy.

    Raises:
        ContractError: depth of another kind, or tensors that are not as ``Sample`` states them.
        DataError: not one pixel of the samples lies strictly between ``min_m`` and ``max_m`` metres.
    """
    probed = EvenSubset(dataset, PROBED)
    samples = [sample for sample in (_read(probed, index) for index in range(len(probed))) if sample is not None]
    for sample in samples:
        require_conventions(sample)
        if sample.kind not in kinds:
            raise ContractError(
                expected=f"{' or '.join(sorted(kind.value for kind in kinds))} depth from dataset '{dataset.name}'",
                got=f"{sample.kind.value} in {sample.key}",
                remedy="choose another dataset, or correct the kind in its manifest if that is wrong",
            )
    logger.info(
        "%s: red and blue swapped, or a wrong focal length, show to the eye alone: `leadline data preview`", dataset.name
    )
    for reason in sorted({reason for sample in samples for reason in suspicions(sample)}):
        logger.warning("%s looks wrong: %s", dataset.name, reason)
    if samples and not any(_counts(sample, min_m, max_m) for sample in samples):
        raise DataError(
            expected=f"depth between {min_m:g} and {max_m:g} m in dataset '{dataset.name}'",
            got=f"not one such pixel in {len(samples)} pictures, the first being {samples[0].key}",
            remedy="check the unit with `leadline data inspect`, or --min-depth and --max-depth",
        )


def _read(dataset: EvenSubset, index: int) -> Sample | None:
    try:
        return dataset[index]
    except DataError:
        return None


def _counts(sample: Sample, min_m: float, max_m: float) -> bool:
    if sample.depth is None or sample.valid is None:
        return False
    counted = sample.valid
    if sample.kind is DepthKind.METRIC:
        counted = counted & (sample.depth > min_m) & (sample.depth < max_m)
    return bool(counted.any())
