# SPDX-License-Identifier: Apache-2.0
"""Collation: stacking, missing fields, padding of pairs, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import OrdinalPairs, Sample
from leadline.data.collation import collate
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.transforms.multiview import Crops, MultiView


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    scenes = ProceduralScenes(3, height=24, width=32, stereo=True, ordinal_pairs=5)
    return [scenes[index] for index in range(3)]


def test_collate__stacks_every_field(samples: list[Sample]) -> None:
    batch = collate(samples)
    assert batch.keys == tuple(sample.key for sample in samples)
    assert batch.datasets == ("procedural",) * 3
    assert batch.image.shape == (3, 3, 24, 32)
    for index, sample in enumerate(samples):
        assert torch.equal(batch.image[index], sample.image)
        assert batch.depth is not None
        assert batch.valid is not None
        assert batch.camera is not None
        assert batch.stereo is not None
        assert batch.stereo.disparity_px is not None
        assert sample.depth is not None
        assert sample.valid is not None
        assert sample.camera is not None
        assert sample.stereo is not None
        assert sample.stereo.disparity_px is not None
        assert torch.equal(batch.depth[index][sample.valid], sample.depth[sample.valid])
        assert torch.equal(batch.valid[index], sample.valid)
        assert torch.equal(batch.camera.matrix[index], sample.camera.matrix)
        assert torch.equal(batch.stereo.image[index], sample.stereo.image)
        assert torch.equal(batch.stereo.disparity_px[index], sample.stereo.disparity_px)
        assert batch.stereo.baseline_m[index] == sample.stereo.baseline_m


def test_collate__drops_a_field_that_one_sample_lacks(samples: list[Sample]) -> None:
    bare = replace(samples[1], depth=None, valid=None, camera=None, stereo=None, ordinal=None)
    batch = collate([samples[0], bare])
    assert [batch.depth, batch.valid, batch.camera, batch.stereo, batch.ordinal] == [None] * 5
    assert samples[0].stereo is not None
    half = replace(samples[0], stereo=replace(samples[0].stereo, disparity_px=None))
    stereo = collate([half, samples[1]]).stereo
    assert stereo is not None
    assert stereo.disparity_px is None
    assert stereo.visible is not None


def test_collate__pads_ordinal_pairs_with_invalid_rows(samples: list[Sample]) -> None:
    pair = torch.tensor([[1, 2]])
    short = replace(samples[0], ordinal=OrdinalPairs(nearer_rc=pair, farther_rc=pair + 1, valid=torch.tensor([True])))
    pairs = collate([short, samples[1]]).ordinal
    assert pairs is not None
    assert pairs.nearer_rc.shape == pairs.farther_rc.shape == (2, 5, 2)
    assert pairs.valid[0].tolist() == [True, False, False, False, False]
    assert pairs.nearer_rc[0, 0].tolist() == [1, 2]
    assert pairs.farther_rc[0, 0].tolist() == [2, 3]


def test_collate__names_samples_of_another_size(samples: list[Sample]) -> None:
    depth, valid = samples[1].depth, samples[1].valid
    assert depth is not None
    assert valid is not None
    other = replace(samples[1], image=samples[1].image[:, :20], depth=depth[:20], valid=valid[:20], stereo=None)
    with pytest.raises(
        ContractError, match=rf"24x32 as '{samples[0].key}'; got image of '{other.key}' with shape \(3, 20, 32\)"
    ):
        collate([samples[0], other])


def test_collate__a_depth_of_another_size_than_its_own_picture_gets_a_remedy_that_mends_it(samples: list[Sample]) -> None:
    assert samples[1].depth is not None
    with pytest.raises(ContractError, match=r"depth of the size of its picture, 24x32; got depth of .*in the dataset"):
        collate([samples[0], replace(samples[1], depth=samples[1].depth[:20])])


def test_collate__refuses_depths_of_different_kinds(samples: list[Sample]) -> None:
    other = replace(samples[1], kind=DepthKind.AFFINE_DISPARITY)
    with pytest.raises(ContractError, match=f"metric as '{samples[0].key}'; got affine_disparity from '{other.key}'"):
        collate([samples[0], other])


MULTI_VIEW = MultiView(
    global_views=Crops(count=2, size=(16, 16), area=(0.4, 1.0)), local_views=Crops(count=3, size=(8, 12), area=(0.1, 0.4))
)


def with_views(samples: list[Sample], transform: MultiView = MULTI_VIEW) -> list[Sample]:
    return [transform(sample, torch.Generator().manual_seed(seed)) for seed, sample in enumerate(samples)]


def test_collate__stacks_views_view_by_view(samples: list[Sample]) -> None:
    seen = with_views(samples)
    batch = collate(seen)
    assert batch.views is not None
    assert batch.views.n_global == 2
    assert [tuple(stack.image.shape) for stack in batch.views.stacks] == [(2, 3, 3, 16, 16), (3, 3, 3, 8, 12)]
    for index, sample in enumerate(seen):
        assert sample.views is not None
        for stack, own in zip(batch.views.stacks, sample.views.stacks, strict=True):
            assert own.depth is not None
            assert stack.depth is not None
            assert own.camera is not None
            assert stack.camera is not None
            assert torch.equal(stack.image[:, index], own.image)
            assert torch.equal(stack.to_source[:, index], own.to_source)
            assert torch.equal(stack.depth[:, index].nan_to_num(), own.depth.nan_to_num())
            assert torch.equal(stack.camera.matrix[:, index], own.camera.matrix)


def test_collate__views_lack_what_one_sample_s_views_lack(samples: list[Sample]) -> None:
    bare = [samples[0], replace(samples[1], depth=None, valid=None, camera=None)]
    views = collate(with_views(bare)).views
    assert views is not None
    assert [(stack.depth, stack.valid, stack.camera) for stack in views.stacks] == [(None, None, None)] * 2
    half = [*with_views(samples[:1]), replace(with_views(samples[1:2])[0], views=None)]
    with pytest.raises(ContractError, match="views of one number and size in a batch"):
        collate(half)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_collate__refuses_views_of_another_number(samples: list[Sample], count: int) -> None:
    other = replace(MULTI_VIEW, local_views=replace(MULTI_VIEW.local_views, count=count))
    with pytest.raises(ContractError, match="views of one number and size in a batch"):
        collate([*with_views(samples[:1]), *with_views(samples[1:2], other)])


def test_collate__stacks_neighbours_of_one_set_of_offsets() -> None:
    scenes = ProceduralScenes(3, height=24, width=32, neighbours=(-1, 1))
    samples = [scenes[0], scenes[1]]
    first, second = (sample.neighbours for sample in samples)
    assert first is not None
    assert second is not None
    assert first.neighbour_from_sample_m is not None
    together = collate(samples).neighbours
    assert together is not None
    assert together.offsets == (-1, 1)
    assert torch.equal(together.image, torch.stack([first.image, second.image]))
    assert together.neighbour_from_sample_m is not None
    assert torch.equal(together.neighbour_from_sample_m[0], first.neighbour_from_sample_m)
    assert collate([samples[0], replace(samples[1], neighbours=None)]).neighbours is None
    later = replace(samples[1], neighbours=replace(second, offsets=(1, 2)))
    with pytest.raises(ContractError, match=r"one set of offsets in a batch, \(-1, 1\).*got \(1, 2\) of"):
        collate([samples[0], later])
    cut = replace(samples[1], neighbours=replace(second, image=second.image[..., :20]))
    with pytest.raises(ContractError, match=r"neighbour image of '.*' with shape \(3, 24, 20\)"):
        collate([samples[0], cut])
