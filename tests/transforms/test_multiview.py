# SPDX-License-Identifier: Apache-2.0
"""Views: one geometry for all that has pixels, colours of each view by itself, the same for the same generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms import RandomResizedCrop

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import OrdinalPairs, Sample, Views, ViewStack
from leadline.data.batch_tensors import tensors_by_name
from leadline.transforms.multiview import OFFICIAL_COLOURS, TRIES, Crops, MultiView
from leadline.transforms.spatial import flip_sample, resize_sample
from tests.transforms.coordinates import pixel_errors, plane_sample

GLOBAL = Crops(count=2, size=(32, 40), area=(0.4, 1.0))
LOCAL = Crops(count=3, size=(16, 24), area=(0.05, 0.4))
PLAIN = MultiView(global_views=GLOBAL, local_views=LOCAL, colours=None)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views_of(sample: Sample, transform: MultiView = PLAIN, seed: int = 0) -> Views:
    views = transform(sample, drawn(seed)).views
    assert views is not None
    return views


def known(stack: ViewStack) -> tuple[Tensor, Tensor]:
    assert stack.depth is not None
    assert stack.valid is not None
    return stack.depth, stack.valid


def coded_sample(height: int = 50, width: int = 70) -> Sample:
    """Red says the depth of the pixel; every pixel has a depth of its own."""
    depth = torch.arange(1, height * width + 1, dtype=torch.float32).reshape(height, width)
    image = (depth / (height * width)).expand(3, height, width)
    return Sample(key="a", dataset="toy", image=image, depth=depth, valid=torch.ones(height, width, dtype=torch.bool))


def test_multi_view__gives_global_views_first_and_each_size_its_own_stack() -> None:
    whole = PLAIN(coded_sample(), drawn())
    views = whole.views
    assert views is not None
    assert views.n_global == 2
    assert [tuple(stack.image.shape) for stack in views.stacks] == [(2, 3, 32, 40), (3, 3, 16, 24)]
    for stack in views.stacks:
        depth, valid = known(stack)
        assert (depth.dtype, valid.dtype, stack.image.dtype) == (torch.float32, torch.bool, torch.float32)
        assert depth.shape == valid.shape == stack.image[:, 0].shape
    assert torch.equal(whole.image, views.stacks[0].image[0])
    assert whole.depth is not None
    assert torch.equal(whole.depth, known(views.stacks[0])[0][0])


@pytest.mark.parametrize("seed", range(5))
def test_multi_view__moves_image_depth_validity_and_camera_of_a_view_alike(seed: int) -> None:
    sample = plane_sample(poisoned=True)
    for stack in views_of(sample, seed=seed).stacks:
        assert stack.camera is not None
        depth, valid = known(stack)
        for one in range(len(depth)):
            view = replace(
                sample,
                image=stack.image[one],
                depth=depth[one],
                valid=valid[one],
                camera=replace(stack.camera, matrix=stack.camera.matrix[one]),
                ordinal=None,
            )
            if stack.to_source[one, 1, 0] < 0:
                view = flip_sample(view)  # the scene's colours name rays that are not mirrored
            errors = pixel_errors(view, margin=1)
            assert errors["colour"] < 0.3, errors
            assert errors["depth"] < 1.6, errors  # a nearest pixel is up to half a source pixel off, each way
            assert not bool(depth[one][valid[one]].isnan().any())


@pytest.mark.parametrize("seed", range(4))
def test_multi_view__says_where_each_pixel_comes_from_and_invents_no_depth(seed: int) -> None:
    sample = coded_sample()
    assert sample.depth is not None
    for stack in views_of(sample, seed=seed).stacks:
        depth, valid = known(stack)
        for one in range(len(depth)):
            rows, columns = (torch.arange(side) + 0.5 for side in depth[one].shape)
            (down, top), (across, left) = stack.to_source[one].tolist()
            at_rows, at_columns = (down * rows + top).floor().long(), (across * columns + left).floor().long()
            picked = sample.depth[at_rows.clamp(0, 49)][:, at_columns.clamp(0, 69)]
            # a centre on the very border of two pixels belongs to either
            same = (picked == depth[one]) | ((picked - depth[one]).abs() == 1) | ((picked - depth[one]).abs() == 70)
            assert bool(same.all())
            assert (picked == depth[one]).float().mean() > 0.8
            assert set(depth[one].flatten().tolist()) <= set(sample.depth.flatten().tolist())
            assert bool(valid[one].all())


def test_multi_view__red_that_codes_depth_stays_with_it() -> None:
    plain = replace(PLAIN, global_views=replace(GLOBAL, size=(25, 35)), local_views=replace(LOCAL, count=0))
    sample = coded_sample()
    (stack,) = views_of(sample, plain).stacks
    depth, _ = known(stack)
    assert (stack.image[:, 0] - depth / 3500).abs().max() < 0.02  # averaging moves red by less than two rows


def test_multi_view__depends_on_the_generator_alone() -> None:
    transform = MultiView(global_views=GLOBAL, local_views=LOCAL, colours=OFFICIAL_COLOURS, solarize_p=0.5)
    one, same, other = (tensors_by_name(transform(plane_sample(), drawn(seed))) for seed in (3, 3, 4))
    assert one.keys() == same.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, same[name]), name
    assert not torch.equal(one["views/stacks/0/image"], other["views/stacks/0/image"])


def test_multi_view__colours_are_drawn_for_each_view_and_touch_nothing_but_the_image() -> None:
    whole = Crops(count=4, size=(50, 70), area=(1.0, 1.0), aspect=(1.4, 1.4))
    sample = replace(coded_sample(), image=torch.rand(3, 50, 70, generator=drawn()))
    transform = MultiView(global_views=whole, local_views=replace(LOCAL, count=0), flip_p=0.0)
    (stack,) = views_of(sample, transform).stacks
    depth, valid = known(stack)
    assert sample.depth is not None
    assert torch.equal(depth, sample.depth.expand(4, 50, 70))
    assert bool(valid.all())
    assert len({round(float(one.mean()), 6) for one in stack.image}) == 4
    solarized = views_of(sample, replace(transform, colours=None, solarize_p=1.0)).stacks[0].image[0]
    bright = sample.image >= 128 / 255
    assert torch.equal(solarized[bright], 1 - sample.image[bright])
    assert torch.equal(solarized[~bright], sample.image[~bright])


def test_multi_view__local_and_global_views_of_one_size_are_one_stack_and_counted_once() -> None:
    views = views_of(coded_sample(), replace(PLAIN, local_views=replace(LOCAL, size=GLOBAL.size)))
    assert (views.n_global, len(views.stacks)) == (2, 1)
    assert views.stacks[0].image.shape == (5, 3, 32, 40)
    shares = (views.stacks[0].to_source[:, :, 0].abs().prod(dim=1) * 32 * 40 / 3500).tolist()
    assert all(share > 0.35 for share in shares[:2])
    assert all(share < 0.45 for share in shares[2:])


@pytest.mark.parametrize(
    ("size", "locals_"), [((20, 30), Crops(count=2, size=(96, 96), area=(0.05, 0.4))), ((3, 200), LOCAL), ((300, 2), LOCAL)]
)
def test_multi_view__serves_small_and_lean_pictures(size: tuple[int, int], locals_: Crops) -> None:
    views = views_of(coded_sample(*size), replace(PLAIN, local_views=locals_))
    assert [stack.image.shape[-2:] for stack in views.stacks] == [GLOBAL.size, locals_.size]


def test_multi_view__no_local_views_and_no_depth_are_legal() -> None:
    bare = Sample(key="a", dataset="toy", image=torch.rand(3, 40, 40, generator=drawn()))
    views = views_of(bare, replace(PLAIN, local_views=replace(LOCAL, count=0)))
    assert [stack.depth for stack in views.stacks] == [None]
    assert views.stacks[0].camera is None


def test_multi_view__leaves_pairs_behind_and_the_sample_as_it_was() -> None:
    pair = torch.tensor([[1, 2]])
    sample = replace(coded_sample(), ordinal=OrdinalPairs(nearer_rc=pair, farther_rc=pair + 1, valid=torch.tensor([True])))
    before = sample.image.clone()
    assert PLAIN(sample, drawn()).ordinal is None
    assert torch.equal(sample.image, before)


def test_crops__draw_windows_as_torchvision_does() -> None:
    crops, count = Crops(count=1, size=(8, 8), area=(0.05, 0.4)), 4000
    torch.manual_seed(0)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(torch.zeros(1, 72, 128), [0.05, 0.4], [3 / 4, 4 / 3]) for _ in range(count)]
    ).double()
    draws = torch.rand(count, 2 * TRIES + 2, generator=drawn(), dtype=torch.float64).tolist()
    ours = torch.tensor([crops.window(one, 72, 128) for one in draws]).double()
    spread = theirs.std(dim=0) * (2 / count) ** 0.5
    assert bool(((ours.mean(dim=0) - theirs.mean(dim=0)).abs() < 4 * spread).all())
    for share in (0.1, 0.5, 0.9):
        assert (ours.quantile(share, dim=0) - theirs.quantile(share, dim=0)).abs().max() <= 3


def test_crops__a_picture_too_lean_for_any_window_gives_its_middle() -> None:
    assert Crops(count=1, size=(8, 8), area=(1.0, 1.0)).window([0.5] * 22, 3, 100) == (0, 48, 3, 4)


@pytest.mark.parametrize(
    ("part", "changes", "told"),
    [
        ("crops", {"count": -1}, "0 views or more"),
        ("crops", {"size": (0, 8)}, "at least 1x1"),
        ("crops", {"area": (0.5, 0.2)}, "rising shares"),
        ("crops", {"area": (0.5, 1.2)}, "rising shares"),
        ("crops", {"aspect": (2.0, 1.0)}, "rising aspects"),
        ("views", {"global_views": replace(GLOBAL, count=0)}, "at least 1 global view"),
        ("views", {"flip_p": 1.5}, "chances"),
    ],
)
def test_views__refuse_what_cannot_be_drawn(part: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        replace(GLOBAL if part == "crops" else PLAIN, **changes)


def test_multi_view__a_view_of_the_whole_picture_is_the_house_s_resize() -> None:
    whole = Crops(count=1, size=(30, 40), area=(1.0, 1.0), aspect=(4 / 3, 4 / 3))
    transform = MultiView(global_views=whole, local_views=replace(LOCAL, count=0), colours=None, flip_p=0.0)
    sample = plane_sample()
    assert torch.equal(transform(sample, drawn()).image, resize_sample(sample, 30, 40).image)
