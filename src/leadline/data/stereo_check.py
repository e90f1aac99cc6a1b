# SPDX-License-Identifier: Apache-2.0
"""A dataset of pairs enters before it is trained on; swapped views, wrong rigs and bad rectification are said."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Field
from leadline.data.subset import EvenSubset
from leadline.geometry.disparity import stereo_disparity_px
from leadline.geometry.pair_doubts import PairDoubt, PairEvidence, doubt_about, pair_evidence

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset

logger = logging.getLogger(__name__)

PROBED = 6
"""Pairs that are read, evenly spaced; each takes about a third of a second."""
LEAST_COMPARED = 10  # patches with truth
LEAST_PX = 4.0  # of the picture that was matched; what is told or found must be more, or half a pixel is an eighth of it
MOST_OFF = 0.12  # by which half of the disparities may differ from what truth and rig say


def require_pairs(dataset: DepthDataset, *, probed: int = PROBED) -> None:
    """Look at a few pairs and refuse a dataset whose pictures contradict what it says of them.

    Where most of the probed pairs are doubtful the dataset is refused; fewer are logged, one line for each.  Unreadable
    samples are left to the loader's policy.

    Args:
        dataset: provides STEREO.
        probed: how many pairs are read, evenly spaced.

    Raises:
        ContractError: the dataset has no pairs, or the views of one differ in size.
        DataError: most pairs have exchanged or mirrored views, a baseline of the wrong sign or size, rows that do not match,
            no texture, or nothing in common; the message says which and names the first.
    """
    if Field.STEREO not in dataset.provides:
        raise ContractError(
            expected="a dataset of stereo pairs",
            got=f"'{dataset.name}', which has none",
            remedy="choose kitti_stereo, stereo_folder or procedural",
        )
    chosen = EvenSubset(dataset, probed)
    looked_at, doubtful = 0, list[tuple[str, PairDoubt]]()
    for index in range(len(chosen)):
        try:
            sample = chosen[index]
        except DataError:
            continue
        looked_at += 1
        doubt = doubt_about_pair(sample)
        if doubt is not None:
            doubtful.append((sample.key, doubt))
    if 2 * len(doubtful) > looked_at:
        key, doubt = _commonest(doubtful)
        raise DataError(
            expected=f"{doubt.expected}, in dataset '{dataset.name}'",
            got=f"{doubt.got} in {key}; {len(doubtful)} of {looked_at} pairs looked at are doubtful",
            remedy=doubt.remedy,
        )
    for key, doubt in doubtful:
        logger.warning(
            "%s of %s looks wrong: expected %s; got %s; %s", key, dataset.name, doubt.expected, doubt.got, doubt.remedy
        )


def _commonest(doubtful: list[tuple[str, PairDoubt]]) -> tuple[str, PairDoubt]:
    """The first of the doubts that most pairs share; what is expected is the same for all that share it."""
    counts = Counter(doubt.expected for _, doubt in doubtful)
    return max(doubtful, key=lambda one: counts[one[1].expected])


def doubt_about_pair(sample: Sample) -> PairDoubt | None:
    """The first thing that is wrong with the pair of a sample, pictures (3, H, W); None where nothing shows, or no pair is.

    Where the sample has disparity, or depth and a camera, the disparities found in the pictures are held against them.

    Raises:
        ContractError: the views differ in size.
    """
    if sample.stereo is None:
        return None
    try:
        evidence = pair_evidence(left=sample.image, right=sample.stereo.image)
    except ContractError as error:
        got = f"{error.got} in {sample.key} of dataset '{sample.dataset}'"
        raise ContractError(expected=error.expected, got=got, remedy=error.remedy) from None
    if evidence is None:
        return None
    doubt = doubt_about(evidence, baseline_m=float(sample.stereo.baseline_m))
    return doubt or _doubt_about_scale(sample, evidence)


def _doubt_about_scale(sample: Sample, evidence: PairEvidence) -> PairDoubt | None:
    """Truth and rig say which disparity each patch has; a wrong unit, baseline or focal length shows as one factor."""
    truth = _true_disparity(sample)
    if truth is None:
        return None
    true_px, known = truth
    row, column = evidence.rows.long(), evidence.columns.long()
    told_px, found_px = true_px[row, column], evidence.disparity_px
    large = torch.maximum(told_px, found_px) > LEAST_PX * evidence.pixel_px
    compared = known[row, column] & large
    if int(compared.sum()) < LEAST_COMPARED:
        return None
    ratio = float((found_px[compared] / told_px[compared]).median())
    if abs(ratio - 1.0) <= MOST_OFF:
        return None
    return PairDoubt(
        expected="disparities that follow from the truth, the focal length and the baseline",
        got=f"{ratio:.3g} times as much in the pictures",
        remedy="check the baseline's unit (metres), the focal length's picture size and the scale of the truth",
    )


def _true_disparity(sample: Sample) -> tuple[Tensor, Tensor] | None:
    """(H, W) pixels that truth and rig imply, and where they mean something."""
    stereo = sample.stereo
    if stereo is None:
        return None
    if stereo.disparity_px is not None:
        known = stereo.disparity_px.isfinite() & (stereo.disparity_px > 0)
        return stereo.disparity_px, known if stereo.visible is None else known & stereo.visible
    if sample.depth is None or sample.valid is None or sample.camera is None or sample.kind is not DepthKind.METRIC:
        return None
    depth_m = sample.depth.where(sample.valid, 1.0)
    disparity_px = stereo_disparity_px(depth_m, focal_px=sample.camera.matrix[0, 0], baseline_m=stereo.baseline_m)
    return disparity_px, sample.valid
