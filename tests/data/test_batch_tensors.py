# SPDX-License-Identifier: Apache-2.0
"""Every tensor of a batch is found and changed, however deep it lies; all else stays."""

from __future__ import annotations

import torch

from leadline.contracts.sample import Batch, Views, ViewStack
from leadline.data.batch_tensors import tensors_by_name, with_tensors
from leadline.data.collation import collate
from leadline.data.procedural.scenes import ProceduralScenes


def whole_batch() -> Batch:
    scenes = ProceduralScenes(2, height=8, width=8, stereo=True, ordinal_pairs=3)
    return collate([scenes[0], scenes[1]])


def test_tensors_by_name__finds_all_of_them() -> None:
    assert list(tensors_by_name(whole_batch(), "a/")) == [
        "a/image", "a/depth", "a/valid", "a/camera/matrix", "a/stereo/image", "a/stereo/baseline_m",
        "a/stereo/disparity_px", "a/stereo/visible", "a/ordinal/nearer_rc", "a/ordinal/farther_rc", "a/ordinal/valid",
    ]  # fmt: skip


def test_with_tensors__changes_all_of_them_and_nothing_else() -> None:
    batch = whole_batch()
    before = tensors_by_name(batch)
    changed = with_tensors(batch, lambda tensor: tensor.clone() + tensor.new_ones(()))
    assert (changed.keys, changed.datasets, changed.kind) == (batch.keys, batch.datasets, batch.kind)
    after = tensors_by_name(changed)
    assert list(after) == list(before)
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name] + before[name].new_ones(())), name


def test_with_tensors__takes_a_bare_tensor_and_leaves_what_is_none() -> None:
    assert with_tensors(torch.tensor(2), lambda tensor: 3 * tensor).item() == 6
    assert with_tensors(None, lambda tensor: 3 * tensor) is None
    bare = with_tensors(Batch(keys=("a",), datasets=("b",), image=torch.ones(1)), lambda tensor: 3 * tensor)
    assert (bare.depth, bare.camera, bare.image.item()) == (None, None, 3)


def test_batch_tensors__go_into_tuples_of_parts_too() -> None:
    stacks = tuple(ViewStack(image=torch.full((1,), value), to_source=torch.zeros(1)) for value in (1.0, 2.0))
    batch = Batch(keys=("a",), datasets=("b",), image=torch.ones(1), views=Views(stacks=stacks, n_global=1))
    changed = with_tensors(batch, lambda tensor: tensor + 1)
    assert {name: tensor.item() for name, tensor in tensors_by_name(changed).items()} == {
        "image": 2.0,
        "views/stacks/0/image": 2.0,
        "views/stacks/0/to_source": 1.0,
        "views/stacks/1/image": 3.0,
        "views/stacks/1/to_source": 1.0,
    }
    assert changed.views is not None
    assert (changed.keys, changed.views.n_global) == (("a",), 1)
