# SPDX-License-Identifier: Apache-2.0
"""A sample enters; what in its tensors breaks the conventions of ``leadline.contracts.sample`` leaves, with the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from leadline.contracts.sample import Sample


_BYTES_FROM = 2.0  # a sharpened or resized picture may exceed 1 by a little; bytes of anything but black exceed 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One convention that a sample breaks, in words that are the same for every sample that breaks it alike.

    Attributes:
        expected: the convention.
        got: what the sample has.
        remedy: what its reader should do.
    """

    expected: str
    got: str
    remedy: str


def breaches_of_type(sample: Sample) -> Iterator[Breach]:
    """Images that are not (3, H, W) float32; depth and disparity that are not float32, masks that are not bool, or either of
    another size (H, W) than the image; depth without its mask or the reverse; camera matrices that are not (3, 3) float32.

    Costs nothing: no value is read.
    """
    for name, image in _images(sample):
        if image.dtype != torch.float32:
            remedy = "divide by 255" if image.dtype == torch.uint8 else "convert it to float32"
            yield Breach(expected=f"{name} of float32 in [0, 1]", got=f"{name} of {_named(image.dtype)}", remedy=remedy)
        if image.ndim != 3 or image.shape[0] != 3:
            yield Breach(
                expected=f"{name} of shape (3, H, W)",
                got=f"{name} with {image.shape[0] if image.ndim == 3 else f'{image.ndim} axes and not 3'} in front",
                remedy="put the three colours first",
            )
    for name, tensor, wanted, remedy in _maps(sample):
        if tensor is not None and tensor.dtype != wanted:
            yield Breach(expected=f"{name} of {_named(wanted)}", got=f"{name} of {_named(tensor.dtype)}", remedy=remedy)
    yield from _breaches_of_neighbours(sample)
    yield from _breaches_of_size(sample)
    yield from _breaches_of_camera(sample)


def _breaches_of_size(sample: Sample) -> Iterator[Breach]:
    if (sample.depth is None) != (sample.valid is None):
        there, lacking = ("valid", "depth") if sample.depth is None else ("depth", "valid")
        remedy = "give both, or neither" if sample.depth is None else "give the mask too, e.g. valid = depth > 0"
        yield Breach(expected="depth and valid together", got=f"{there} without {lacking}", remedy=remedy)
    size = tuple(sample.image.shape[-2:])
    if sample.image.ndim != 3 or sample.image.shape[0] != 3:
        return  # said already, and nothing can be compared with it
    remedy = "bring both to one size in the dataset, without mixing values across pixels"
    sized = [(name, tuple(tensor.shape)) for name, tensor, _, _ in _maps(sample) if tensor is not None]
    sized += [(name, tuple(image.shape[-2:])) for name, image in _images(sample)]
    for name, shape in sized:
        if shape != size:
            yield Breach(
                expected=f"{name} of its image's size",
                got=f"{name} of {_sized(shape)} beside an image of {_sized(size)}",
                remedy=remedy,
            )


def _breaches_of_neighbours(sample: Sample) -> Iterator[Breach]:
    if sample.neighbours is None:
        return
    offsets, count = sample.neighbours.offsets, len(sample.neighbours.image)
    if count != len(offsets) or count == 0 or 0 in offsets:
        yield Breach(
            expected="one picture for each offset of neighbours, and no offset of 0",
            got=f"{count} pictures for {offsets}",
            remedy="stack the pictures in the order of their offsets",
        )
    motion = sample.neighbours.neighbour_from_sample_m
    if motion is not None and tuple(motion.shape) != (count, 4, 4):
        got = f"motion of {_sized(motion.shape)} for {count} neighbours"
        yield Breach(expected="one 4x4 matrix for each neighbour", got=got, remedy="stack one matrix per neighbour")


def _breaches_of_camera(sample: Sample) -> Iterator[Breach]:
    if sample.camera is None:
        return
    matrix = sample.camera.matrix
    if matrix.dtype != torch.float32:
        got = f"camera matrix of {_named(matrix.dtype)}"
        yield Breach(expected="camera matrix of float32", got=got, remedy="convert it to float32")
    if matrix.shape != (3, 3):
        remedy = "give [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels"
        yield Breach(expected="camera matrix of 3x3", got=f"camera matrix of {_sized(matrix.shape)}", remedy=remedy)


def breaches_of_range(sample: Sample) -> Iterator[Breach]:
    """Floating-point images with values outside [0, 1]; reads every value, two milliseconds for 480x640."""
    for name, image in _images(sample):
        if not image.is_floating_point() or image.numel() == 0:
            continue
        low, high = (float(end) for end in image.aminmax())
        if not (low >= 0.0 and high <= 1.0):
            what, remedy = _out_of_range(low, high)
            yield Breach(expected=f"{name} with values in [0, 1]", got=f"{name} {what}", remedy=remedy)


def require_conventions(sample: Sample) -> None:
    """Refuse a sample that breaks a convention of types or range; the first breach is named.

    Raises:
        ContractError: naming the sample, what it has and what its reader should do.
    """
    _refuse_first(breaches_of_type(sample), sample)
    _refuse_first(breaches_of_range(sample), sample)


def require_types(sample: Sample) -> None:
    """The same without reading values, for every sample.

    Raises:
        ContractError: as ``require_conventions``.
    """
    _refuse_first(breaches_of_type(sample), sample)


def _refuse_first(breaches: Iterator[Breach], sample: Sample) -> None:
    breach = next(breaches, None)
    if breach is not None:
        got = f"{breach.got} in '{sample.key}' of dataset '{sample.dataset}'"
        raise ContractError(expected=breach.expected, got=got, remedy=breach.remedy)


def _out_of_range(low: float, high: float) -> tuple[str, str]:
    """What the least and the greatest value, either of which may be NaN, look like, and what to do about it."""
    if low >= 0.0 and high < _BYTES_FROM:
        return "with values a little above 1", "clamp it to [0, 1]"
    if low >= 0.0 and high <= 255.0:
        return "of 0-255", "divide by 255"
    return "with values below 0, above 255, or NaN", "leave normalisation to the model"


def _images(sample: Sample) -> Iterator[tuple[str, Tensor]]:
    yield "image", sample.image
    if sample.stereo is not None:
        yield "right image", sample.stereo.image
    if sample.neighbours is not None:
        for offset, image in zip(sample.neighbours.offsets, sample.neighbours.image, strict=False):
            yield f"neighbour {offset:+d}", image


def _maps(sample: Sample) -> Iterator[tuple[str, Tensor | None, torch.dtype, str]]:
    to_float, to_bool = "convert it to float32", "compare, e.g. valid = stored > 0"
    yield "depth", sample.depth, torch.float32, to_float
    yield "valid", sample.valid, torch.bool, to_bool
    if sample.stereo is not None:
        yield "disparity", sample.stereo.disparity_px, torch.float32, to_float
        yield "visible", sample.stereo.visible, torch.bool, to_bool


def _sized(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "no axis"


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
