# SPDX-License-Identifier: Apache-2.0
"""A batch, or any part of one, enters; the same with every tensor changed, or its tensors by name, leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

Part = TypeVar("Part")


def with_tensors(part: Part, change: Callable[[Tensor], Tensor]) -> Part:
    """The same batch, part of one or tensor, with ``change`` applied to every tensor of any shape and unit in it.

    >>> import torch
    >>> from leadline.contracts.camera import Camera
    >>> with_tensors(Camera(matrix=torch.eye(2)), lambda tensor: 2 * tensor).matrix.tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    return _changed(part, change)  # type: ignore[no-any-return]


def tensors_by_name(part: object, prefix: str = "") -> dict[str, Tensor]:
    """Every tensor of a batch or part of one, of any shape and unit, by its field names with slashes between.

    >>> import torch
    >>> from leadline.contracts.camera import Camera
    >>> from leadline.contracts.sample import Sample
    >>> sample = Sample(key="a", dataset="toy", image=torch.zeros(3, 1, 1), camera=Camera(matrix=torch.eye(3)))
    >>> list(tensors_by_name(sample, "first/"))
    ['first/image', 'first/camera/matrix']
    """
    found: dict[str, Tensor] = {}
    for name, value in _named_parts(part):
        if isinstance(value, Tensor):
            found[prefix + name] = value
        elif is_dataclass(value) or isinstance(value, tuple):
            found |= tensors_by_name(value, f"{prefix}{name}/")
    return found


def _named_parts(part: object) -> list[tuple[str, object]]:
    """The fields of a part by name, the members of a tuple by number."""
    if isinstance(part, tuple):
        return [(str(number), member) for number, member in enumerate(part)]
    return [(field.name, getattr(part, field.name)) for field in fields(part)]  # type: ignore[arg-type]


def _changed(part: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(part, Tensor):
        return change(part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{field.name: _changed(getattr(part, field.name), change) for field in fields(part)})
    if isinstance(part, tuple):
        return tuple(_changed(member, change) for member in part)
    return part
