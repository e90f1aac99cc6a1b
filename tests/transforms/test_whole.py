# SPDX-License-Identifier: Apache-2.0
"""Whole pictures: sizes by the rule, aspect and depth true, nothing enlarged."""

from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.transforms.whole import Whole
from tests.transforms.coordinates import pixel_errors, plane_sample

NOTHING_DRAWN = torch.Generator()


@pytest.mark.parametrize(
    ("longest", "multiple", "size", "wanted"),
    [
        (1500, 32, (720, 1280), (704, 1280)),  # the reference's rule gives 832x1504
        (1536, 32, (720, 1280), (704, 1280)),
        (1024, 32, (720, 1280), (576, 1024)),
        (640, 32, (720, 1280), (352, 640)),
        (640, 32, (1280, 720), (640, 352)),
        (1000, 14, (480, 640), (476, 630)),
        (224, 16, (100, 20), (96, 16)),
        (64, 32, (20, 50), (20, 32)),
        (64, 32, (3, 4000), (1, 64)),
    ],
)
def test_whole__divides_evenly_and_never_exceeds_the_longest_side_nor_the_picture(
    longest: int, multiple: int, size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert Whole(longest, multiple).size(*size) == wanted
    assert all(new <= min(old, longest) for new, old in zip(wanted, size, strict=True))


@pytest.mark.parametrize("longest", [80, 60])
def test_whole__image_depth_and_camera_stay_together(longest: int) -> None:
    sample = plane_sample(poisoned=True)
    found = Whole(longest, 16)(sample, NOTHING_DRAWN)
    assert found.image.shape[1:] == Whole(longest, 16).size(60, 80)
    errors = pixel_errors(found, margin=1)
    assert errors["colour"] < 0.2
    assert errors["depth"] < 1.0
    assert found.camera is not None
    assert sample.camera is not None
    focal, before = found.camera.matrix.diagonal()[:2], sample.camera.matrix.diagonal()[:2]
    assert float((focal / before).max() - (focal / before).min()) < 1e-6  # no side was squeezed more than the other


def test_whole__of_a_picture_that_fits_is_a_cut_of_it() -> None:
    sample = plane_sample()
    assert torch.equal(Whole(100, 16)(sample, NOTHING_DRAWN).image, sample.image[:, 6:54])


@pytest.mark.parametrize("sides", [(16, 32), (0, 0), (8, 0)])
def test_whole__refuses_a_limit_that_holds_no_multiple(sides: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="longest side of at least the encoder's stride"):
        Whole(*sides)
