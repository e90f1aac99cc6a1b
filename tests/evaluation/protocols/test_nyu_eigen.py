# SPDX-License-Identifier: Apache-2.0
"""NYU: exactly the pixels inside Eigen's box and strictly inside (1 mm, 10 m) are scored, mirrored average included."""

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.evaluation.protocols.nyu_eigen import NYU_EIGEN
from leadline.evaluation.scoring import scored_pixels


def sample(depth_m: torch.Tensor) -> Sample:
    return Sample(key="n", dataset="nyu", image=torch.zeros(3, *depth_m.shape), depth=depth_m, valid=depth_m.isfinite())


def test_nyu__scores_238560_pixels_of_a_full_frame() -> None:
    assert int(scored_pixels(sample(torch.full((480, 640), 2.0)), NYU_EIGEN)[1].sum()) == 238_560


def test_nyu__leaves_out_ten_metres_and_one_millimetre() -> None:
    depth_m = torch.full((480, 640), 2.0)
    depth_m[100], depth_m[101] = 10.0, 1e-3
    assert int(scored_pixels(sample(depth_m), NYU_EIGEN)[1].sum()) == 238_560 - 2 * 560


def test_nyu__averages_with_the_mirrored_prediction_and_fits_nothing() -> None:
    assert (NYU_EIGEN.tta, NYU_EIGEN.alignment.value, NYU_EIGEN.clamp) == ("flip", "none", True)


def test_nyu__refuses_resized_frames() -> None:
    with pytest.raises(ContractError, match="480x640"):
        scored_pixels(sample(torch.ones(240, 320)), NYU_EIGEN)
