# SPDX-License-Identifier: Apache-2.0
"""Neighbours and second views move with their sample: checked by geometry, not by shape alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from leadline.contracts.sample import Neighbours, Sample
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.geometry.camera import unproject
from leadline.transforms.companions import cropped_neighbours, flipped_neighbours, resized_neighbours
from leadline.transforms.multiview import Crops, MultiView
from leadline.transforms.photometric import ColourJitter
from leadline.transforms.rotation import rotate_sample
from leadline.transforms.spatial import crop_sample, flip_sample, resize_sample


@pytest.fixture(scope="module")
def sample() -> Sample:
    return ProceduralScenes(4, height=72, width=96, neighbours=(-1, 1), stereo=True, kinds={"room": 1.0})[3]


def neighbours_of(sample: Sample) -> Neighbours:
    assert sample.neighbours is not None
    return sample.neighbours


def seen_from_sample(sample: Sample, index: int) -> tuple[Tensor, Tensor]:
    """A neighbour by the sample's own depth, camera and known motion, and where that is inside the neighbour."""
    neighbours = neighbours_of(sample)
    assert sample.camera is not None
    assert sample.depth is not None
    assert sample.valid is not None
    assert neighbours.neighbour_from_sample_m is not None
    height, width = sample.image.shape[1:]
    points = unproject(torch.where(sample.valid, sample.depth, 1.0), sample.camera.matrix).flatten(1)
    motion = neighbours.neighbour_from_sample_m[index]
    seen = sample.camera.matrix @ (motion[:3, :3] @ points + motion[:3, 3:])
    place = (seen[:2] / seen[2]).view(2, height, width)
    grid = torch.stack([2 * place[0] / width - 1, 2 * place[1] / height - 1], dim=-1)
    image = neighbours.image[index][None]
    picture = functional.grid_sample(image, grid[None], padding_mode="border", align_corners=False)[0]
    return picture, (grid.abs() < 0.95).all(dim=-1) & sample.valid


def misfit(sample: Sample, index: int) -> tuple[float, float]:
    """Median difference from the sample's picture: of the neighbour moved by depth, and of the neighbour as it is."""
    moved, inside = seen_from_sample(sample, index)
    still = neighbours_of(sample).image[index]
    return tuple(float((one - sample.image).abs().mean(0)[inside].median()) for one in (moved, still))  # type: ignore[return-value]


@pytest.mark.parametrize("index", [0, 1])
def test_known_motion__explains_neighbours_also_after_every_move(sample: Sample, index: int) -> None:
    cropped = crop_sample(sample, top=6, left=5, height=60, width=80)
    resized = resize_sample(sample, 60, 108)
    for name, one in {"as it is": sample, "crop": cropped, "resize": resized, "flip": flip_sample(sample)}.items():
        moved, still = misfit(one, index)
        assert moved < 0.3 * still, name


def test_flipped_neighbours__twice_are_the_same(sample: Sample) -> None:
    neighbours = neighbours_of(sample)
    once = flipped_neighbours(neighbours)
    again = flipped_neighbours(once)
    assert torch.equal(again.image, neighbours.image)
    assert torch.equal(once.image[0, :, :, 0], neighbours.image[0, :, :, -1])
    assert once.neighbour_from_sample_m is not None
    assert neighbours.neighbour_from_sample_m is not None
    assert torch.equal(once.neighbour_from_sample_m[:, 0, 3], -neighbours.neighbour_from_sample_m[:, 0, 3])
    assert torch.equal(once.neighbour_from_sample_m[:, 1:3, 3], neighbours.neighbour_from_sample_m[:, 1:3, 3])
    unknown = flipped_neighbours(replace(neighbours, neighbour_from_sample_m=None))
    assert unknown.neighbour_from_sample_m is None


def test_companions__have_the_size_asked_for(sample: Sample) -> None:
    neighbours = neighbours_of(sample)
    assert resized_neighbours(neighbours, 12, 20).image.shape == (2, 3, 12, 20)
    cut = cropped_neighbours(neighbours, slice(2, 10), slice(3, 20))
    assert torch.equal(cut.image, neighbours.image[:, :, 2:10, 3:20])


def test_flip__that_keeps_the_pair_drops_neighbours_of_the_old_left_camera(sample: Sample) -> None:
    kept = flip_sample(sample, keep="stereo")
    assert kept.neighbours is None
    assert kept.stereo is not None
    mirrored = flip_sample(sample)
    assert mirrored.stereo is None
    assert mirrored.neighbours is not None


def test_colour_jitter__changes_neighbours_like_their_sample(sample: Sample) -> None:
    alike = replace(sample, neighbours=replace(neighbours_of(sample), image=sample.image[None].repeat(2, 1, 1, 1)))
    jittered = ColourJitter(p=1.0)(alike, torch.Generator().manual_seed(3))
    assert not torch.equal(jittered.image, sample.image)
    for image in neighbours_of(jittered).image:
        assert torch.equal(image, jittered.image)


def test_rotation_and_views__drop_neighbours(sample: Sample) -> None:
    assert rotate_sample(sample, 1.0).neighbours is None
    crops = Crops(count=1, size=(16, 16), area=(0.5, 1.0))
    assert MultiView(global_views=crops, local_views=replace(crops, count=0))(sample, torch.Generator()).neighbours is None
