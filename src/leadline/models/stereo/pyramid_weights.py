# SPDX-License-Identifier: Apache-2.0
"""A pyramid and a weights file enter; the pyramid leaves with what fits copied in, and with it a report of each tensor."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.checkpoint_folder import read_checkpoint_tensors
from leadline.models.hugging_face_config import is_hugging_face_folder
from leadline.models.hugging_face_files import read_hugging_face_tensors
from leadline.models.model_places import checkpoint_folder, located
from leadline.models.stereo.official_names import is_official
from leadline.models.stereo.pyramid_names import BACKBONE, NECK, on_native_grid, pyramid_tensors
from leadline.models.weight_files import read_tensors

if TYPE_CHECKING:
    from leadline.models.stereo.pyramid import FeaturePyramid

_SHOWN = 3  # names of each kind of misfit in one line
_ADDED = ".lora_"  # of ``adaptation``, in no foreign file
_HALVING = NECK + "resize_layers.3.weight"
_POSITIONS = BACKBONE + "pos_embed"
_OTHER_FILE = "choose the encoder the file belongs to, or another file"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PyramidReport:
    """What became of every tensor, by the pyramid's names, sorted.

    Attributes:
        loaded: in the file and in the pyramid, same shape.
        missing: in the pyramid, not in the file; they keep their values, but for what ``notes`` says.
        unexpected: in the file, not in the pyramid.
        mismatched: in both, with other shapes; they keep their values.  Name -> both shapes.
        loaded_numbers, numbers: how many numbers were loaded, and how many the pyramid has.
        notes: what was done beside copying, one sentence each.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: Mapping[str, str]
    loaded_numbers: int
    numbers: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Counts, the first names of what did not fit, and the notes."""
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        said = [f"{len(self.loaded)}/{total} tensors, {self.loaded_numbers}/{self.numbers} parameters loaded"]
        shapes = [f"{name} {both}" for name, both in self.mismatched.items()]
        for label, names in (("missing", self.missing), ("unexpected", self.unexpected), ("mismatched", shapes)):
            shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            said += [f"{len(names)} {label} ({shown})"] if names else []
        return "; ".join((", ".join(said), *self.notes))


def load_pyramid(
    pyramid: FeaturePyramid, source: str | Path, *, least_share: float = 0.5, strict: bool = False
) -> PyramidReport:
    """Copy into ``pyramid`` every tensor of a file that fits, log a report and return it.

    Args:
        pyramid: changed in place, or not at all where an error is raised.
        source: a weights file (official Depth Anything, DINOv2, Swin, ResNet, TiO-Depth, ours), a checkpoint or run folder
            of ours, a folder of ``transformers``, or "hf:..." to fetch one of these.
        least_share: of the backbone's numbers that must be found.
        strict: refuse a file that lacks any tensor of the pyramid; what it has beside them is never an error.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another encoder.
    """
    read = _read(source)
    found = pyramid_tensors(read, pyramid.config)
    own = {name: one for name, one in pyramid.state_dict().items() if _ADDED not in name or name in found}
    notes = []
    if _POSITIONS in own:
        found, said = on_native_grid(found, tuple(own[_POSITIONS].shape))
        notes += [said] if said else []
    if any(_ADDED in name for name in found.keys() - own.keys()):
        notes.append("its low-rank additions are left out: merge them before saving, or apply the policy before loading")
    if is_official(list(read)) and pyramid.config.normalisation != "tio":
        notes.append("TiO-Depth was trained with normalisation tio, which this pyramid has not")
    fitting = {name: found[name] for name in sorted(own.keys() & found.keys()) if _fits(found[name], own[name])}
    if _HALVING in own.keys() - fitting.keys() and any(name.startswith(NECK) for name in fitting):
        notes.append(f"{_HALVING} starts as a blur of each channel")
        fitting[_HALVING] = _blur(own[_HALVING])
    report = _reported(own, found, fitting, tuple(notes))
    _check(report, own, needed=least_share, strict=strict, expected=pyramid.config.encoder, got=str(source))
    pyramid.load_state_dict(fitting, strict=False)
    logger.log(logging.WARNING if report.missing or report.mismatched else logging.INFO, "%s: %s", source, report)
    return report


def _read(source: str | Path) -> dict[str, Tensor]:
    path, _ = located(source)
    if is_hugging_face_folder(path):
        return read_hugging_face_tensors(path)
    folder = checkpoint_folder(path)
    return read_tensors(path) if folder is None else read_checkpoint_tensors(folder)


def _reported(
    own: dict[str, Tensor], found: dict[str, Tensor], fitting: dict[str, Tensor], notes: tuple[str, ...]
) -> PyramidReport:
    loaded = [name for name in fitting if name in found and _fits(found[name], own[name])]
    others = sorted(own.keys() & found.keys() - set(loaded))
    return PyramidReport(
        loaded=tuple(sorted(loaded)),
        missing=tuple(sorted(own.keys() - found.keys())),
        unexpected=tuple(sorted(found.keys() - own.keys())),
        mismatched={name: f"{tuple(found[name].shape)}, not {tuple(own[name].shape)}" for name in others},
        loaded_numbers=sum(own[name].numel() for name in loaded),
        numbers=sum(one.numel() for one in own.values()),
        notes=notes,
    )


def _check(report: PyramidReport, own: dict[str, Tensor], *, needed: float, strict: bool, expected: str, got: str) -> None:
    """Refuse a start in which too much of the backbone stays random."""
    wanted = sum(one.numel() for name, one in own.items() if name.startswith(BACKBONE))
    had = sum(own[name].numel() for name in report.loaded if name.startswith(BACKBONE))
    if not report.loaded or had < needed * wanted:
        misfits = [f"{name} {shapes}" for name, shapes in report.mismatched.items() if name.startswith(BACKBONE)]
        others = f"{len(report.unexpected)} other tensors, such as {', '.join(report.unexpected[:1])}"
        example = misfits[0] if misfits else others
        share = f"weights of encoder {expected}, at least {needed:.0%} of its backbone"
        raise WeightsError(expected=share, got=f"{got} with {had / wanted:.0%}: {example}", remedy=_OTHER_FILE)
    if strict and (report.missing or report.mismatched):
        remedy = "give the whole file, or load without strict"
        raise WeightsError(expected=f"every tensor of the pyramid of {expected}", got=f"{got}: {report}", remedy=remedy)


def _fits(stored: Tensor, own: Tensor) -> bool:
    return stored.shape == own.shape and stored.is_floating_point() == own.is_floating_point()


def _blur(kernel: Tensor) -> Tensor:
    """A stride-2 convolution (C,C,3,3) that halves each channel by the binomial filter (1 2 1): what enters stays in scale.

    Behind the real projections of Depth Anything V2 Small its output has a spread of 1.36 beside 0.6 to 1.8 of the other
    levels; PyTorch's own start loses half of that, and with it which channel was which.
    """
    row = torch.tensor((0.25, 0.5, 0.25), dtype=kernel.dtype, device=kernel.device)
    identity = torch.eye(kernel.shape[0], dtype=kernel.dtype, device=kernel.device)
    return identity[:, :, None, None] * row[:, None] * row
