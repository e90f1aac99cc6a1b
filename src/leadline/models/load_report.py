# SPDX-License-Identifier: Apache-2.0
"""A model and tensors under our names enter; what fits is copied, and a report of every tensor leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import WeightsError
from leadline.models.official_names import ENCODER

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from leadline.models.depth_model import DepthModel

_SHOWN = 3  # names of each kind of misfit in one line


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What became of every tensor, by our names, sorted.

    Attributes:
        loaded: in the file and in the model, same shape.
        missing: in the model, not in the file; they keep their values.
        unexpected: in the file, not in the model.
        mismatched: in both, with other shapes, or whole numbers for fractions; they keep their values.  Name -> both shapes.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: Mapping[str, str]

    def __str__(self) -> str:
        """Counts, and the first names of what did not fit."""
        shapes = [f"{name} {both}" for name, both in self.mismatched.items()]
        counts = [f"{len(self.loaded)} loaded"]
        for label, names in (("missing", self.missing), ("unexpected", self.unexpected), ("mismatched", shapes)):
            shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            counts.append(f"{len(names)} {label}" + (f" ({shown})" if names else ""))
        return ", ".join(counts)


def copy_fitting(model: DepthModel, tensors: dict[str, Tensor], path: Path) -> LoadReport:
    """Copy every tensor of any shape that has a counterpart of its shape; nothing changes where an error is raised.

    Raises:
        WeightsError: no tensor fits, or those of the encoder have other shapes.
    """
    report = compare_tensors(model, tensors, path)
    model.load_state_dict({name: tensors[name] for name in report.loaded}, strict=False)
    return report


def compare_tensors(model: DepthModel, tensors: dict[str, Tensor], path: Path) -> LoadReport:
    """What ``copy_fitting`` would do, and the errors it would raise; the model, and tensors of any shape, stay as they are.

    Raises:
        WeightsError: as for ``copy_fitting``.
    """
    own = model.state_dict()
    shared = own.keys() & tensors.keys()
    loaded = sorted(name for name in shared if _fits(tensors[name], own[name]))
    others = sorted(shared - set(loaded))
    report = LoadReport(
        loaded=tuple(loaded),
        missing=tuple(sorted(own.keys() - tensors.keys())),
        unexpected=tuple(sorted(tensors.keys() - own.keys())),
        mismatched={name: f"{_described(tensors[name])}, not {_described(own[name])}" for name in others},
    )
    foreign = [name for name in report.mismatched if name.startswith(ENCODER)]
    if not loaded or foreign:
        example = f"{foreign[0]} {report.mismatched[foreign[0]]}" if foreign else "none of its names is the model's"
        raise WeightsError(
            expected=f"weights of encoder {model.config.encoder}",
            got=f"{path} with {len(tensors)} tensors: {example}",
            remedy="choose the encoder the file belongs to, or another file",
        )
    return report


def check_encoder_filled(model: DepthModel, report: LoadReport, path: Path) -> None:
    """Refuse a start in which most of the encoder stays random.

    Raises:
        WeightsError: fewer than half of the encoder's tensors were loaded.
    """
    wanted = sum(name.startswith(ENCODER) for name in model.state_dict())
    found = sum(name.startswith(ENCODER) for name in report.loaded)
    if 2 * found < wanted:
        raise WeightsError(
            expected=f"at least half of the {wanted} tensors of encoder {model.config.encoder}",
            got=f"{path}: {found} of them; {report}",
            remedy="choose the encoder the file belongs to, or another file",
        )


def _fits(stored: Tensor, own: Tensor) -> bool:
    return stored.shape == own.shape and stored.is_floating_point() == own.is_floating_point()


def _described(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).removeprefix('torch.')}"
    return f"{tuple(tensor.shape)}{kind}"
