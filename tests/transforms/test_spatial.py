# SPDX-License-Identifier: Apache-2.0
"""Everything that has pixels moves together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.contracts.sample import Sample, StereoView
from leadline.geometry.camera import camera_rays, unproject
from leadline.transforms.spatial import (
    CentreCrop,
    RandomCrop,
    RandomFlip,
    ResizeCover,
    Squash,
    ValidRange,
    crop_sample,
    flip_sample,
    resize_sample,
)
from tests.transforms.coordinates import pixel_errors, plane_depth, plane_sample


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def depth_of(sample: Sample) -> Tensor:
    assert sample.depth is not None
    return sample.depth


def valid_of(sample: Sample) -> Tensor:
    assert sample.valid is not None
    return sample.valid


def matrix_of(sample: Sample) -> Tensor:
    assert sample.camera is not None
    return sample.camera.matrix


def stereo_sample(height: int = 40, width: int = 64, *, with_depth: bool = True) -> Sample:
    sample = plane_sample(height, width)
    disparity = matrix_of(sample)[0, 0] * 0.2 / depth_of(sample)
    columns = torch.arange(width) + 0.5
    stereo = StereoView(
        image=sample.image.roll(-3, dims=2) * 0.5,
        baseline_m=torch.tensor(0.2),
        disparity_px=disparity,
        visible=columns - disparity >= 0,
    )
    return replace(sample, stereo=stereo) if with_depth else replace(sample, stereo=stereo, depth=None, valid=None)


MOVES: dict[str, Callable[[Sample], Sample]] = {
    "shrink": lambda s: resize_sample(s, 24, 35),
    "enlarge": lambda s: resize_sample(s, 133, 171),
    "crop": lambda s: crop_sample(s, top=7, left=11, height=40, width=50),
    "flip": flip_sample,
    "cover and crop": lambda s: RandomCrop(30, 32)(ResizeCover(30, 32)(s, generator()), generator(3)),
    "squash": lambda s: Squash(28, 28)(s, generator()),
    "flip, shrink, crop": lambda s: crop_sample(resize_sample(flip_sample(s), 50, 66), top=3, left=9, height=20, width=33),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves__image_depth_and_camera_agree_to_half_a_pixel(name: str) -> None:
    moved = MOVES[name](plane_sample())
    flipped = "flip" in name
    if flipped:  # colours and plane are written for the unflipped camera: mirror back, which is the identity on pixels
        moved = flip_sample(moved)
    # Antialiasing averages fewer pixels at the border, hence the margin; depth is picked, up to half an old pixel away.
    errors = pixel_errors(moved, margin=2)
    scale = max(1.0, float((matrix_of(moved) / matrix_of(plane_sample())).diagonal().max()))
    assert errors["colour"] < 0.5
    assert errors["depth"] <= 0.5 * scale + 1e-3


def test_crop__leaves_unprojected_points_unchanged() -> None:
    sample = plane_sample()
    cropped = crop_sample(sample, top=7, left=11, height=40, width=50)
    before = unproject(depth_of(sample), matrix_of(sample))[:, 7:47, 11:61]
    torch.testing.assert_close(unproject(depth_of(cropped), matrix_of(cropped)), before, atol=1e-5, rtol=1e-5)


def test_resize__keeps_points_exactly_where_old_and_new_centres_coincide() -> None:
    sample = plane_sample(45, 63)  # a third: the new centre is the centre of the middle one of three old pixels
    small = resize_sample(sample, 15, 21)
    before = unproject(depth_of(sample), matrix_of(sample))[:, 1::3, 1::3]
    torch.testing.assert_close(unproject(depth_of(small), matrix_of(small)), before, atol=1e-5, rtol=1e-5)


def test_flip__mirrors_the_points_and_the_principal_point() -> None:
    sample = plane_sample()
    flipped = flip_sample(sample)
    before = unproject(depth_of(sample), matrix_of(sample))
    after = unproject(depth_of(flipped), matrix_of(flipped))
    mirrored = before.flip(-1) * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    torch.testing.assert_close(after, mirrored, atol=1e-5, rtol=1e-5)
    assert float(matrix_of(flipped)[0, 2]) == pytest.approx(80 - 0.47 * 80)


def test_flip__twice_is_the_identity() -> None:
    sample = plane_sample(poisoned=True)
    twice = flip_sample(flip_sample(sample))
    assert torch.equal(twice.image, sample.image)
    assert torch.equal(depth_of(twice).nan_to_num(-1), depth_of(sample).nan_to_num(-1))
    assert torch.equal(valid_of(twice), valid_of(sample))
    torch.testing.assert_close(matrix_of(twice), matrix_of(sample), atol=1e-5, rtol=0)
    assert twice.ordinal is not None
    assert sample.ordinal is not None
    assert torch.equal(twice.ordinal.nearer_rc, sample.ordinal.nearer_rc)
    assert torch.equal(twice.ordinal.farther_rc, sample.ordinal.farther_rc)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 120))
def test_resize__nan_where_invalid_never_reaches_a_valid_pixel(height: int, width: int) -> None:
    moved = resize_sample(plane_sample(poisoned=True), height, width)
    assert torch.equal(torch.isnan(depth_of(moved)), ~valid_of(moved))


@pytest.mark.parametrize("name", MOVES)
def test_moves__nan_where_invalid_never_reaches_a_valid_pixel(name: str) -> None:
    moved = MOVES[name](plane_sample(poisoned=True))
    assert valid_of(moved).any()
    assert torch.equal(torch.isnan(depth_of(moved)), ~valid_of(moved))


def test_resize__invents_no_depth() -> None:
    sample = plane_sample()
    for size in ((13, 17), (60, 200), (91, 33)):
        assert torch.isin(depth_of(resize_sample(sample, *size)), depth_of(sample)).all()


def test_resize__to_its_own_size_changes_nothing() -> None:
    sample = plane_sample()
    assert resize_sample(sample, 60, 80) is sample


def test_resize__scales_disparity_so_that_it_still_equals_focal_times_baseline_over_depth() -> None:
    moved = resize_sample(stereo_sample(), 20, 48)
    assert moved.stereo is not None
    assert moved.stereo.disparity_px is not None
    assert moved.stereo.image.shape == (3, 20, 48)
    expected = matrix_of(moved)[0, 0] * moved.stereo.baseline_m / depth_of(moved)
    torch.testing.assert_close(moved.stereo.disparity_px, expected)
    assert moved.stereo.visible is not None
    assert moved.stereo.visible.dtype is torch.bool


def test_crop__keeps_disparity_and_hides_pixels_whose_partner_was_cut_away() -> None:
    sample = stereo_sample()
    moved = crop_sample(sample, top=4, left=10, height=30, width=40)
    assert sample.stereo is not None
    assert sample.stereo.disparity_px is not None
    assert moved.stereo is not None
    assert moved.stereo.visible is not None
    assert torch.equal(moved.stereo.image, sample.stereo.image[:, 4:34, 10:50])
    disparity = sample.stereo.disparity_px[4:34, 10:50]
    assert moved.stereo.disparity_px is not None
    assert torch.equal(moved.stereo.disparity_px, disparity)
    assert torch.equal(moved.stereo.visible, torch.arange(40) + 0.5 - disparity >= 0)
    assert not moved.stereo.visible.all()


def test_crop__forgets_visibility_it_cannot_know_without_disparity() -> None:
    sample = stereo_sample()
    assert sample.stereo is not None
    sample = replace(sample, stereo=replace(sample.stereo, disparity_px=None))
    cut_left = crop_sample(sample, top=0, left=1, height=10, width=10)
    cut_right = crop_sample(sample, top=0, left=0, height=10, width=10)
    assert cut_left.stereo is not None
    assert cut_left.stereo.visible is None
    assert cut_right.stereo is not None
    assert cut_right.stereo.visible is not None


def test_crop__outside_the_picture_is_refused() -> None:
    with pytest.raises(ContractError, match="ResizeCover"):
        crop_sample(plane_sample(), top=30, left=0, height=40, width=50)
    with pytest.raises(ContractError):
        RandomCrop(61, 10)(plane_sample(), generator())
    with pytest.raises(ContractError):
        CentreCrop(10, 82)(plane_sample(), generator())


def test_flip__keeping_depth_drops_the_second_view() -> None:
    sample = stereo_sample()
    flipped = flip_sample(sample)
    assert flipped.stereo is None
    assert torch.equal(depth_of(flipped), depth_of(sample).flip(-1))


def test_flip__keeping_stereo_swaps_the_sides_so_that_disparity_stays_positive() -> None:
    sample = stereo_sample()
    assert sample.stereo is not None
    flipped = flip_sample(sample, keep="stereo")
    assert flipped.stereo is not None
    assert torch.equal(flipped.image, sample.stereo.image.flip(-1))
    assert torch.equal(flipped.stereo.image, sample.image.flip(-1))
    assert float(flipped.stereo.baseline_m) > 0
    assert flipped.depth is None
    assert flipped.valid is None
    assert flipped.ordinal is None
    assert flipped.stereo.disparity_px is None
    assert flipped.stereo.visible is None


def test_flip__keeping_stereo_shifts_a_point_to_the_left_in_the_right_view() -> None:
    left, right = torch.zeros(3, 1, 10), torch.zeros(3, 1, 10)
    left[:, 0, 7], right[:, 0, 4] = 1.0, 1.0  # disparity 3
    sample = Sample(key="k", dataset="d", image=left, stereo=StereoView(image=right, baseline_m=torch.tensor(0.1)))
    flipped = flip_sample(sample, keep="stereo")
    assert flipped.stereo is not None
    assert int(flipped.image[0, 0].argmax()) - int(flipped.stereo.image[0, 0].argmax()) == 3


def test_pairs__follow_the_picture() -> None:
    sample = plane_sample()
    moved = resize_sample(flip_sample(sample), 30, 40)
    assert moved.ordinal is not None
    assert moved.ordinal.nearer_rc.tolist() == [[2, (79 - 70) // 2], [15, (79 - 60) // 2], [25, 0]]
    assert moved.ordinal.valid.all()


def test_pairs__leaving_the_window_become_invalid_but_stay_indexable() -> None:
    moved = crop_sample(plane_sample(), top=4, left=5, height=50, width=70)
    assert moved.ordinal is not None
    assert moved.ordinal.valid.tolist() == [True, True, False]
    assert moved.ordinal.nearer_rc[0].tolist() == [1, 65]
    for pixels in (moved.ordinal.nearer_rc, moved.ordinal.farther_rc):
        assert (pixels >= 0).all()
        assert (pixels < torch.tensor([50, 70])).all()


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90))
def test_resize_cover__covers_exactly_and_keeps_the_aspect(height: int, width: int) -> None:
    covered = ResizeCover(height, width)(plane_sample(), generator())
    new_height, new_width = covered.image.shape[1:]
    assert new_height >= height
    assert new_width >= width
    assert new_height == height or new_width == width
    factor = max(height / 60, width / 80)
    assert abs(new_height - 60 * factor) <= 0.5 + 1e-9 or new_height == height
    assert abs(new_width - 80 * factor) <= 0.5 + 1e-9 or new_width == width


def test_resize_cover__keeps_pixels_square() -> None:
    matrix = matrix_of(ResizeCover(56, 28)(plane_sample(), generator()))
    assert float(matrix[0, 0] / matrix[1, 1]) == pytest.approx(1.0, abs=0.01)


def test_squash__gives_the_exact_size() -> None:
    assert Squash(21, 50)(plane_sample(), generator()).image.shape == (3, 21, 50)


def test_centre_crop__takes_the_middle() -> None:
    sample = plane_sample()
    assert torch.equal(CentreCrop(20, 40)(sample, generator()).image, sample.image[:, 20:40, 20:60])


def test_random_crop__reaches_every_place_and_repeats_with_the_seed() -> None:
    sample, crop, source = plane_sample(6, 7), RandomCrop(5, 5), generator(1)
    seen = {tuple(crop(sample, source).image[:2, 0, 0].tolist()) for _ in range(200)}
    assert len(seen) == 2 * 3
    assert torch.equal(crop(sample, generator(9)).image, crop(sample, generator(9)).image)


def test_random_flip__flips_about_as_often_as_asked() -> None:
    sample, flip, source = plane_sample(4, 5), RandomFlip(0.3), generator(2)
    flipped = sum(not torch.equal(flip(sample, source).image, sample.image) for _ in range(400))
    assert 90 < flipped < 150
    assert torch.equal(RandomFlip(1.0)(sample, source).image, sample.image.flip(-1))
    assert RandomFlip(0.0)(sample, source) is sample


def test_random_flip__hands_on_what_is_to_survive() -> None:
    assert RandomFlip(1.0, keep="stereo")(stereo_sample(), generator()).stereo is not None
    assert RandomFlip(1.0)(stereo_sample(), generator()).stereo is None


def test_valid_range__masks_and_never_clamps() -> None:
    depth = torch.tensor([[0.5, 1.0, 5.0, 10.0, 12.0, torch.nan, torch.inf]])
    valid = torch.tensor([[True, True, True, True, True, False, True]])
    sample = Sample(key="k", dataset="d", image=torch.zeros(3, 1, 7), depth=depth, valid=valid)
    ranged = ValidRange(1.0, 10.0)(sample, generator())
    assert valid_of(ranged).tolist() == [[False, False, True, False, False, False, False]]
    assert ranged.depth is depth
    assert valid.sum() == 6


def test_valid_range__never_makes_an_invalid_pixel_valid() -> None:
    sample = replace(plane_sample(), valid=torch.zeros(60, 80, dtype=torch.bool))
    assert not valid_of(ValidRange(0.1, 100.0)(sample, generator())).any()


def test_valid_range__refuses_depth_without_metres() -> None:
    with pytest.raises(ContractError, match="affine_disparity"):
        ValidRange(0.1, 10.0)(replace(plane_sample(), kind=DepthKind.AFFINE_DISPARITY), generator())


def test_valid_range__leaves_samples_without_depth_alone() -> None:
    bare = Sample(key="k", dataset="d", image=torch.zeros(3, 2, 2))
    assert ValidRange(0.1, 10.0)(bare, generator()) is bare


@pytest.mark.parametrize("name", MOVES)
def test_moves__do_not_write_into_the_sample_they_are_given(name: str) -> None:
    sample, untouched = plane_sample(), plane_sample()
    MOVES[name](sample)
    assert torch.equal(sample.image, untouched.image)
    assert torch.equal(depth_of(sample), depth_of(untouched))
    assert torch.equal(matrix_of(sample), matrix_of(untouched))


def test_moves__work_on_a_picture_alone() -> None:
    bare = Sample(key="k", dataset="d", image=torch.rand(3, 20, 30))
    for move in (
        lambda s: resize_sample(s, 10, 10),
        flip_sample,
        lambda s: crop_sample(s, top=1, left=1, height=5, width=5),
    ):
        moved = move(bare)
        assert moved.depth is None
        assert moved.camera is None


def test_plane_sample__is_itself_consistent() -> None:
    sample = plane_sample()
    assert torch.equal(depth_of(sample), plane_depth(camera_rays(matrix_of(sample), 60, 80)))
    assert pixel_errors(sample)["colour"] < 1e-3


@pytest.mark.parametrize("transform", [Squash(0, 5), Squash(5, -1), ResizeCover(0, 0), CentreCrop(0, 4), RandomCrop(-3, 4)])
def test_sizes__below_one_pixel_are_refused(transform: Callable[[Sample, torch.Generator], Sample]) -> None:
    sample = Sample(key="a", dataset="toy", image=torch.rand(3, 6, 8))
    with pytest.raises((UsageError, ContractError), match=r"got -?\d+x-?\d+"):
        transform(sample, generator())


@pytest.mark.parametrize(("low", "high"), [(5.0, 1.0), (1.0, 1.0), (float("nan"), 1.0), (0.0, float("nan"))])
def test_valid_range__refuses_a_range_that_holds_nothing(low: float, high: float) -> None:
    with pytest.raises(UsageError, match="min_m below max_m"):
        ValidRange(low, high)
