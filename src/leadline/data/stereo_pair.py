# SPDX-License-Identifier: Apache-2.0
"""The files of a rectified pair and its rig go in, a checked Sample comes out, with truth where a disparity is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Sample, StereoView
from leadline.data.frame import read_image_tensor
from leadline.geometry.disparity import stereo_depth_m

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from leadline.data.frame_calibration import Lens


@dataclass(frozen=True, kw_only=True, slots=True)
class PairRig:
    """Two equal cameras side by side, as a calibration file states them.

    Attributes:
        lens: focal lengths, principal point and perhaps the width of the pictures, the same for both cameras.
        baseline_m: distance of the optical centres, above 0: the right camera is to the right.
    """

    lens: Lens
    baseline_m: float


@dataclass(frozen=True, slots=True)
class PairFiles:
    """One pair on disk: its key in the dataset, the two pictures and their rig."""

    key: str
    left: Path
    right: Path
    rig: PairRig


def read_pair(pair: PairFiles, *, dataset: str) -> Sample:
    """Read both pictures.

    Returns:
        The left image (3, H, W) in [0, 1] with its camera, the right one as its second view, the baseline in metres; no
        truth.

    Raises:
        DataError: a picture that cannot be read, pictures of two sizes, a calibration of another size.
    """
    left, right = read_image_tensor(pair.left), read_image_tensor(pair.right)
    if left.shape != right.shape:
        raise DataError(
            expected="left and right pictures of one size",
            got=f"{left.shape[1]}x{left.shape[2]} in {pair.left} and {right.shape[1]}x{right.shape[2]} in {pair.right}",
            remedy="pair the right files, rectified to one size",
        )
    camera = pair.rig.lens.camera(width_px=left.shape[2], height_px=left.shape[1], of=pair.left)
    stereo = StereoView(image=right, baseline_m=torch.tensor(pair.rig.baseline_m, dtype=torch.float32))
    return Sample(key=pair.key, dataset=dataset, image=left, camera=camera, stereo=stereo)


def with_disparity(sample: Sample, disparity_px: Tensor, valid: Tensor, visible: Tensor | None = None) -> Sample:
    """The pair with its truth: exact disparity, and depth = focal length * baseline / disparity.

    Args:
        sample: a pair with its camera.
        disparity_px: (H, W) float32 of the left picture, read only where ``valid``.
        valid: (H, W) bool; pixels of disparity 0 or less have no depth and must not be valid.
        visible: (H, W) bool, or None where it is not known what the right picture sees.

    Returns:
        The sample with metric depth and ``valid``; depth and disparity are NaN elsewhere.

    Raises:
        DataError: the truth has another size than the picture.
    """
    if disparity_px.shape != sample.image.shape[1:]:
        raise DataError(
            expected=f"disparity of the picture's size, {sample.image.shape[1]}x{sample.image.shape[2]} (height x width)",
            got=f"{disparity_px.shape[0]}x{disparity_px.shape[1]} for '{sample.key}'",
            remedy="pair the right files",
        )
    if sample.stereo is None or sample.camera is None:
        raise DataError(expected="a pair with its camera", got=f"'{sample.key}'", remedy="read it with read_pair")
    known = disparity_px.masked_fill(~valid, torch.nan)
    depth_m = stereo_depth_m(known, focal_px=sample.camera.matrix[0, 0], baseline_m=sample.stereo.baseline_m)
    stereo = replace(sample.stereo, disparity_px=known, visible=visible)
    return replace(sample, depth=depth_m, valid=valid, stereo=stereo)
