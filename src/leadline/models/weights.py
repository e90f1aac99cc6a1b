# SPDX-License-Identifier: Apache-2.0
"""The door for weights: a model or a path enters; a checkpoint, a filled model, or a report of what fitted leaves."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.checkpoint_folder import DESCRIPTION, TENSORS, read_checkpoint, write_checkpoint
from leadline.models.config import DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.presets import PRESETS
from leadline.models.weight_files import read_tensors
from leadline.models.weight_names import DECODER, ENCODER, is_ours, translate
from leadline.models.weight_origin import declared_preset, declared_version, known_preset

RANDOM_PREFIX = "random:"  # asks for a preset without weights, e.g. "random:depth-anything-v2-small"
_RUN_CHECKPOINTS = ("checkpoint_best", "checkpoint_latest")
_NON_COMMERCIAL = "NC"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """What became of every tensor, by our names, sorted.

    Attributes:
        loaded: in the file and in the model, same shape.
        missing: in the model, not in the file; they keep their values.
        unexpected: in the file, not in the model.
        mismatched: in both, with other shapes; they keep their values.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    def __str__(self) -> str:
        """Counts, and the first names of what did not fit."""
        counts = [f"{len(self.loaded)} loaded"]
        for label, names in self.misfits().items():
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            counts.append(f"{len(names)} {label}" + (f" ({shown})" if names else ""))
        return ", ".join(counts)

    def misfits(self) -> dict[str, tuple[str, ...]]:
        """The three lists of what did not fit, by name."""
        return {"missing": self.missing, "unexpected": self.unexpected, "mismatched": self.mismatched}


def save_model(folder: Path, model: DepthModel) -> None:
    """Write ``model.safetensors`` and ``model.json`` into ``folder``, atomically.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_checkpoint(folder, model.config, model.state_dict())


def load_model(source: str | Path, *, architecture: str | None = None, allow_missing: Collection[str] = ()) -> DepthModel:
    """A model with its weights, in evaluation mode, from anything a user may name.

    Args:
        source: a run folder (its best, else its latest checkpoint), a checkpoint folder, a weights file, or
            ``"random:<preset>"`` for a preset without weights.
        architecture: preset name; needed for a bare file whose name does not say what it is.
        allow_missing: names of tensors (ours or the file's own spelling) that a bare file may lack; they stay random.

    Raises:
        WeightsError: the source does not exist, is damaged, does not say what it is, or does not fit to the last tensor.
        UsageError: a checkpoint whose configuration this version does not know.
    """
    if str(source).startswith(RANDOM_PREFIX):
        return DepthModel(known_preset(str(source).removeprefix(RANDOM_PREFIX)).config).eval()
    path = _existing(source)
    folder = checkpoint_folder(path)
    if folder is not None:
        config, tensors = read_checkpoint(folder)
        _check_architecture(folder, config, architecture)
        return _filled(config, tensors, path, allow_missing=())
    preset = declared_preset(path, architecture)
    if _NON_COMMERCIAL in preset.licence:
        logger.warning("%s: its weights are licensed %s, not for commercial use", preset.name, preset.licence)
    return _filled(preset.config, translate(read_tensors(path)), path, allow_missing)


def initialise_from(model: DepthModel, path: Path, *, version: Literal["v1", "v2"] | None = None) -> LoadReport:
    """Copy into ``model`` every tensor of a file or checkpoint that fits, and report the rest.

    Args:
        model: changed in place.
        path: a weights file (ours, official Depth Anything, DINOv2 hub, ZoeDepth, Hugging Face), checkpoint or run folder.
        version: of a Depth Anything file whose name does not say.

    Raises:
        WeightsError: the path is missing or damaged, no tensor fits, the file belongs to another encoder, or its version
            is unsaid or not the model's.
        UsageError: a checkpoint whose configuration this version does not know.
    """
    folder = checkpoint_folder(_existing(path))
    if folder is not None:
        return _copy(model, read_checkpoint(folder)[1], path)
    read = read_tensors(path)
    tensors = translate(read)
    if not is_ours(read) and any(name.startswith(DECODER) for name in tensors):
        _check_version(model.config, path, declared_version(path, version))
    return _copy(model, tensors, path)


def checkpoint_folder(path: Path) -> Path | None:
    """The checkpoint a path stands for: itself, its run's best or latest, the folder of its ``model.safetensors``, or None.

    Raises:
        WeightsError: a folder that holds no checkpoint.
    """
    if path.is_file():
        return path.parent if path.name == TENSORS and (path.parent / DESCRIPTION).is_file() else None
    for candidate in (path, *(path / name for name in _RUN_CHECKPOINTS)):
        if (candidate / DESCRIPTION).is_file():
            return candidate
    raise WeightsError(
        expected=f"a folder with {DESCRIPTION}, or a run folder with {' or '.join(_RUN_CHECKPOINTS)}",
        got=str(path),
        remedy="give a run folder, a checkpoint folder or a weights file",
    )


def _existing(source: str | Path) -> Path:
    if Path(source).exists():
        return Path(source)
    remedy = "check the path"
    if str(source).startswith("hf:"):
        remedy = "this version does not download: fetch model.safetensors from the hub and pass the file with --architecture"
    if str(source) in PRESETS:
        remedy = f"a preset brings no weights: fetch them from {PRESETS[str(source)].source} and pass the file, "
        remedy += f"or ask for {RANDOM_PREFIX}{source}"
    raise WeightsError(expected="a run folder, a checkpoint folder or a weights file", got=str(source), remedy=remedy)


def _filled(config: DepthModelConfig, tensors: dict[str, Tensor], path: Path, allow_missing: Collection[str]) -> DepthModel:
    model = DepthModel(config)
    report = _copy(model, tensors, path)
    allowed = translate({name: torch.empty(0) for name in allow_missing})
    if report.unexpected or report.mismatched or set(report.missing) - allowed.keys():
        raise WeightsError(
            expected=f"exactly the {len(model.state_dict())} tensors of this model in {path}",
            got=str(report),
            remedy="check the architecture, or use the file to initialise training instead",
        )
    if report.missing:
        logger.warning("%s lacks %s: random values stand there, do not trust predictions", path, ", ".join(report.missing))
    return model.eval()


def _copy(model: DepthModel, tensors: dict[str, Tensor], path: Path) -> LoadReport:
    own = model.state_dict()
    shared = own.keys() & tensors.keys()
    loaded = sorted(name for name in shared if own[name].shape == tensors[name].shape)
    report = LoadReport(
        loaded=tuple(loaded),
        missing=tuple(sorted(own.keys() - tensors.keys())),
        unexpected=tuple(sorted(tensors.keys() - own.keys())),
        mismatched=tuple(sorted(shared - set(loaded))),
    )
    foreign = [name for name in report.mismatched if name.startswith(ENCODER)]
    if not loaded or foreign:
        example = foreign[0] if foreign else "none of its names is the model's"
        shapes = f" {tuple(tensors[example].shape)}, not {tuple(own[example].shape)}" if foreign else ""
        raise WeightsError(
            expected=f"weights of encoder {model.config.encoder}",
            got=f"{path} with {len(tensors)} tensors: {example}{shapes}",
            remedy="choose the encoder the file belongs to, or another file",
        )
    model.load_state_dict({name: tensors[name] for name in loaded}, strict=False)
    return report


def _check_version(config: DepthModelConfig, path: Path, version: str) -> None:
    """Refuse V1 weights in a model that taps V2's blocks, and the reverse; any other tap table is the caller's business."""
    if config.size is None:
        return
    tables = {"v1": v1_taps(config.encoder), "v2": config.size.taps}
    taps = config.taps or config.size.taps
    if taps != tables[version] and taps in tables.values():
        raise WeightsError(
            expected=f"a file for a model that taps blocks {taps}",
            got=f"{path.name}, Depth Anything {version.upper()}, which taps {tables[version]}",
            remedy=f"build the model with taps={tables[version]}, or give a file of the other version",
        )


def _check_architecture(folder: Path, config: DepthModelConfig, architecture: str | None) -> None:
    if architecture is not None and known_preset(architecture).config != config:
        raise WeightsError(
            expected=f"a checkpoint of {architecture}",
            got=f"{folder}, whose own description says otherwise",
            remedy="leave the architecture out: a checkpoint knows what it is",
        )
