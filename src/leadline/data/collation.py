# SPDX-License-Identifier: Apache-2.0
"""Samples of one size enter, one batch leaves; also a batch enters and leaves in page-locked memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch.utils.data import default_collate

from leadline.contracts.camera import Camera
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch, Neighbours, OrdinalPairs, Sample, StereoView, Views, ViewStack
from leadline.data.batch_tensors import with_tensors

if TYPE_CHECKING:
    from torch import Tensor

Part = TypeVar("Part")


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack at least one sample; a field that one sample lacks is None, ordinal pairs are padded to the longest.

    B samples -> (B, 3, H, W), (B, H, W), (B, 3, 3), (B, P, 2), views (V, B, ...) as in ``Batch``; units and dtypes stay.

    Raises:
        ContractError: pictures, depths or views of different sizes, or depths of different claims; the keys are named.
    """
    _check_agreement(samples)
    ordinal = _present([sample.ordinal for sample in samples])
    depth, valid = [sample.depth for sample in samples], [sample.valid for sample in samples]
    return Batch(
        keys=tuple(sample.key for sample in samples),
        datasets=tuple(sample.dataset for sample in samples),
        image=_stacked([sample.image for sample in samples]),
        depth=_stacked_if_all(depth),
        valid=_stacked_if_all(valid),
        kind=samples[0].kind,
        camera=_camera(_present([sample.camera for sample in samples])),
        stereo=_stereo(_present([sample.stereo for sample in samples])),
        neighbours=_neighbours(_present([sample.neighbours for sample in samples])),
        ordinal=None if ordinal is None else _padded_pairs(ordinal),
        views=_views(_present([sample.views for sample in samples])),
    )


def pinned(part: Part) -> Part:
    """The same batch, or part of one, with every tensor in page-locked memory; shapes, units and dtypes stay."""
    return with_tensors(part, lambda tensor: tensor.pin_memory())


def _stacked(tensors: list[Tensor]) -> Tensor:
    # Inside a worker process this writes straight into shared memory, which spares one copy of the batch.
    stacked: Tensor = default_collate(tensors)
    return stacked


def _present(parts: Sequence[Part | None]) -> list[Part] | None:
    """The parts, when every sample has one."""
    present = [part for part in parts if part is not None]
    return present if len(present) == len(parts) else None


def _stacked_if_all(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = _present(tensors)
    return None if present is None else _stacked(present)


def _camera(cameras: list[Camera] | None) -> Camera | None:
    return None if cameras is None else Camera(matrix=_stacked([camera.matrix for camera in cameras]))


def _stereo(views: list[StereoView] | None) -> StereoView | None:
    if views is None:
        return None
    return StereoView(
        image=_stacked([view.image for view in views]),
        baseline_m=_stacked([view.baseline_m for view in views]),
        disparity_px=_stacked_if_all([view.disparity_px for view in views]),
        visible=_stacked_if_all([view.visible for view in views]),
    )


def _neighbours(sets: list[Neighbours] | None) -> Neighbours | None:
    if sets is None:
        return None
    return Neighbours(
        image=_stacked([one.image for one in sets]),
        offsets=sets[0].offsets,
        neighbour_from_sample_m=_stacked_if_all([one.neighbour_from_sample_m for one in sets]),
    )


def _padded_pairs(pairs: list[OrdinalPairs]) -> OrdinalPairs:
    longest = max(len(entry.valid) for entry in pairs)

    def stacked(tensors: list[Tensor]) -> Tensor:
        padded = [torch.cat([tensor, tensor.new_zeros((longest - len(tensor), *tensor.shape[1:]))]) for tensor in tensors]
        return _stacked(padded)

    return OrdinalPairs(
        nearer_rc=stacked([entry.nearer_rc for entry in pairs]),
        farther_rc=stacked([entry.farther_rc for entry in pairs]),
        valid=stacked([entry.valid for entry in pairs]),
    )


def _views(views: list[Views] | None) -> Views | None:
    if views is None:
        return None
    stacks = tuple(_view_stack(list(of_one_size)) for of_one_size in zip(*(one.stacks for one in views), strict=True))
    return Views(stacks=stacks, n_global=views[0].n_global)


def _view_stack(stacks: list[ViewStack]) -> ViewStack:
    """(V, ...) of each sample -> (V, B, ...); in memory a sample's views stay side by side."""
    cameras = _camera(_present([stack.camera for stack in stacks]))
    depth, valid = [stack.depth for stack in stacks], [stack.valid for stack in stacks]
    together = ViewStack(
        image=_stacked([stack.image for stack in stacks]),
        to_source=_stacked([stack.to_source for stack in stacks]),
        depth=_stacked_if_all(depth),
        valid=_stacked_if_all(valid),
        camera=cameras,
    )
    return with_tensors(together, lambda tensor: tensor.transpose(0, 1))


def _check_agreement(samples: Sequence[Sample]) -> None:
    first = samples[0]
    height, width = first.image.shape[-2:]
    for sample in samples:
        _check_own_size(sample)
        shapes = {"image": tuple(sample.image.shape), **_map_shapes(sample)}
        wanted = {name: (3, height, width) if name.endswith("image") else (height, width) for name in shapes}
        for name, shape in shapes.items():
            if shape != wanted[name]:
                raise ContractError(
                    expected=f"samples of one size in a batch, {height}x{width} as '{first.key}'",
                    got=f"{name} of '{sample.key}' with shape {shape}",
                    remedy="resize or crop to a fixed size in the transform, or take batches of 1",
                )
        if _view_shapes(sample) != _view_shapes(first):
            raise ContractError(
                expected=f"views of one number and size in a batch, {_view_shapes(first)} as '{first.key}'",
                got=f"{_view_shapes(sample)} of '{sample.key}'",
                remedy="make them all by one transform",
            )
        if _offsets(sample) not in (None, _offsets(first)) and first.neighbours is not None:
            raise ContractError(
                expected=f"neighbours of one set of offsets in a batch, {_offsets(first)} as '{first.key}'",
                got=f"{_offsets(sample)} of '{sample.key}'",
                remedy="ask every dataset of the stream for the same neighbours",
            )
        if sample.kind is not first.kind:
            raise ContractError(
                expected=f"depths of one kind in a batch, {first.kind.value} as '{first.key}'",
                got=f"{sample.kind.value} from '{sample.key}'",
                remedy="put datasets of different kinds into different streams",
            )


def _check_own_size(sample: Sample) -> None:
    """No crop of a whole sample could mend maps that differ from their own picture."""
    size = tuple(sample.image.shape[-2:])
    for name, shape in _map_shapes(sample).items():
        if shape[-2:] != size:
            raise ContractError(
                expected=f"{name} of the size of its picture, {size[0]}x{size[1]}",
                got=f"{name} of '{sample.key}' with shape {shape}",
                remedy="bring it to its picture's size in the dataset, or change both alike in the transform",
            )


def _map_shapes(sample: Sample) -> dict[str, tuple[int, ...]]:
    """Shapes of everything beside the image that has the picture's size."""
    maps: dict[str, Tensor | None] = {"depth": sample.depth, "valid": sample.valid}
    if sample.stereo is not None:
        maps["right image"] = sample.stereo.image
        maps |= {"disparity": sample.stereo.disparity_px, "visible": sample.stereo.visible}
    shapes = {name: tuple(tensor.shape) for name, tensor in maps.items() if tensor is not None}
    if sample.neighbours is not None:
        shapes["neighbour image"] = tuple(sample.neighbours.image.shape[1:])
    return shapes


def _offsets(sample: Sample) -> tuple[int, ...] | None:
    return None if sample.neighbours is None else sample.neighbours.offsets


def _view_shapes(sample: Sample) -> tuple[int | tuple[int, ...], ...]:
    """How many views are global, and the shapes of all stacks; nothing without views."""
    return () if sample.views is None else (sample.views.n_global, *(tuple(one.image.shape) for one in sample.views.stacks))
