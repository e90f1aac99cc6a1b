# SPDX-License-Identifier: Apache-2.0
"""A pair of files: both pictures, the camera at their size, truth from disparity; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Sample
from leadline.data.conventions import require_conventions
from leadline.data.frame_calibration import Lens
from leadline.data.stereo_pair import PairFiles, PairRig, read_pair, with_disparity
from tests.data.layouts import picture

LENS = Lens(focal_px=(10.0, 11.0), centre_px=(4.5, 3.0))


def files(root: Path, lens: Lens = LENS, right: tuple[int, int] = (6, 8)) -> PairFiles:
    return PairFiles(
        "a/7", picture(root / "l.png"), picture(root / "r.png", *right, seed=1), PairRig(lens=lens, baseline_m=0.5)
    )


def pair(root: Path) -> Sample:
    return read_pair(files(root), dataset="mine")


def test_read_pair__gives_both_pictures_camera_and_baseline(tmp_path: Path) -> None:
    sample = pair(tmp_path)
    require_conventions(sample)
    assert (sample.key, sample.dataset, sample.depth) == ("a/7", "mine", None)
    assert sample.camera is not None and sample.stereo is not None  # noqa: PT018
    assert sample.camera.matrix.tolist() == [[10.0, 0.0, 4.5], [0.0, 11.0, 3.0], [0.0, 0.0, 1.0]]
    assert float(sample.stereo.baseline_m) == 0.5
    assert sample.stereo.baseline_m.shape == ()
    assert not torch.equal(sample.image, sample.stereo.image)
    assert torch.equal(sample.image, read_pair(files(tmp_path), dataset="x").image)


def test_read_pair__refuses_two_sizes_and_names_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"of one size; got 6x8 in .*l\.png and 6x9 in .*r\.png"):
        read_pair(files(tmp_path, right=(6, 9)), dataset="mine")


def test_rig__follows_pictures_that_were_resized(tmp_path: Path) -> None:
    sample = read_pair(files(tmp_path, replace(LENS, width_px=16, centre_px=(9.0, 6.0))), dataset="mine")
    assert sample.camera is not None
    assert sample.camera.matrix[:2].tolist() == [[5.0, 0.0, 4.5], [0.0, 5.5, 3.0]]


@pytest.mark.parametrize("centre", [(9.0, 3.0), (4.0, 7.0), (-1.0, 3.0)])
def test_rig__of_another_size_is_refused(tmp_path: Path, centre: tuple[float, float]) -> None:
    with pytest.raises(DataError, match=r"principal point inside the 6x8 picture .*l\.png"):
        read_pair(files(tmp_path, replace(LENS, centre_px=centre)), dataset="mine")


def test_with_disparity__depth_is_focal_times_baseline_over_disparity_and_nan_elsewhere(tmp_path: Path) -> None:
    disparity, valid = torch.full((6, 8), 2.0), torch.ones(6, 8, dtype=torch.bool)
    valid[0], disparity[0, 0], disparity[1] = False, 0.0, 4.0
    sample = with_disparity(pair(tmp_path), disparity, valid)
    require_conventions(sample)
    assert sample.depth is not None and sample.stereo is not None  # noqa: PT018
    assert sample.stereo.disparity_px is not None
    assert sample.depth[1, 0] == 10.0 * 0.5 / 4.0
    assert sample.depth[2, 0] == 10.0 * 0.5 / 2.0
    assert sample.depth[0].isnan().all()
    assert sample.stereo.disparity_px[0].isnan().all()
    assert torch.equal(sample.stereo.disparity_px[valid], disparity[valid])
    assert sample.valid is valid
    assert sample.stereo.visible is None


def test_with_disparity__refuses_another_size_and_a_lone_picture(tmp_path: Path) -> None:
    sample, one = pair(tmp_path), torch.ones(6, 8)
    with pytest.raises(DataError, match=r"of the picture's size, 6x8.*; got 6x9 for 'a/7'"):
        with_disparity(sample, torch.ones(6, 9), torch.ones(6, 9) > 0)
    with pytest.raises(DataError, match="a pair with its camera"):
        with_disparity(replace(sample, camera=None), one, one > 0)
