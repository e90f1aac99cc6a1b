# SPDX-License-Identifier: Apache-2.0
"""The door for weights: a model or a path enters; a checkpoint, a filled model, or a report of what fitted leaves."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.contracts.paths import is_file
from leadline.models.checkpoint_folder import DESCRIPTION, read_checkpoint, write_checkpoint
from leadline.models.config import TIMM_PREFIX, DepthModelConfig, v1_taps
from leadline.models.depth_model import DepthModel
from leadline.models.hugging_face_config import CONFIG, is_hugging_face_folder, read_hugging_face_config
from leadline.models.hugging_face_files import WEIGHTS, read_hugging_face_tensors
from leadline.models.hugging_face_processor import with_processor
from leadline.models.jepa_checkpoints import recognise
from leadline.models.jepa_names import from_jepa, is_jepa_checkpoint
from leadline.models.load_report import LoadReport, check_encoder_filled, compare_tensors, copy_fitting
from leadline.models.model_places import RANDOM_PREFIX, checkpoint_folder, located
from leadline.models.official_names import DECODER
from leadline.models.timm_names import from_timm
from leadline.models.weight_files import read_tensors, read_training_flags, require_weights_suffix
from leadline.models.weight_names import is_ours, translate
from leadline.models.weight_origin import declared_preset, declared_version, fitted_bins, known_preset, preset_by_name

_NON_COMMERCIAL = "NC"
logger = logging.getLogger(__name__)


def save_model(folder: Path, model: DepthModel) -> None:
    """Write ``model.safetensors`` and ``model.json`` into ``folder``, atomically.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_checkpoint(folder, model.config, model.state_dict())


def load_model(source: str | Path, *, architecture: str | None = None, allow_missing: Collection[str] = ()) -> DepthModel:
    """A model with its weights, in evaluation mode, from anything a user may name.

    Args:
        source: a run folder (its best, else its latest checkpoint), a checkpoint folder, a folder of Hugging Face's
            ``transformers``, a weights file, ``"hf:org/name[@revision]"`` or ``"hf:org/name/file.pth"`` to fetch one of
            these, or ``"random:<preset>"`` for a preset without weights.
        architecture: preset name; needed for a bare file whose name does not say what it is.  A checkpoint of the JEPA-depth
            reference is recognised by its tensors; for a rarer backbone of it, ``timm:NAME``.
        allow_missing: names of tensors (ours or the file's own spelling) that a bare file may lack; they stay random.

    Raises:
        WeightsError: the source does not exist or cannot be fetched, is damaged, does not say what it is, or does not fit to
            the last tensor.
        UsageError: a checkpoint whose configuration this version does not know.
    """
    if str(source).startswith(RANDOM_PREFIX):
        return DepthModel(known_preset(str(source).removeprefix(RANDOM_PREFIX)).config).eval()
    path, named = located(source)
    foreign = _hugging_face_folder(path)
    if foreign is not None:
        config = with_processor(read_hugging_face_config(foreign / CONFIG), foreign)
        _check_architecture(foreign, config, architecture)
        _say_licence_by_name(foreign if named == path else named)
        return _filled(config, translate(read_hugging_face_tensors(foreign)), foreign, allow_missing)
    folder = checkpoint_folder(path)
    if folder is not None:
        config, tensors = read_checkpoint(folder)
        _check_architecture(folder, config, architecture)
        return _filled(config, tensors, path, allow_missing=())
    require_weights_suffix(path)
    read = read_tensors(path)
    if is_jepa_checkpoint(read):
        found = recognise(read, path, declared=architecture, flags=read_training_flags(path))
        logger.info("%s: %s", path, found.said)
        return _filled(found.config, found.tensors, path, allow_missing)
    preset = declared_preset(named, architecture)
    _say_licence(preset.name, preset.licence)
    tensors = translate(read)
    return _filled(fitted_bins(preset.config, tensors), tensors, path, allow_missing)


def initialise_from(model: DepthModel, path: Path, *, version: Literal["v1", "v2"] | None = None) -> LoadReport:
    """Copy into ``model`` every tensor of a file or checkpoint that fits, and report the rest.

    Args:
        model: changed in place.
        path: a weights file (ours, official Depth Anything, DINOv2 hub, ZoeDepth, MiDaS, Hugging Face; for a ``timm:``
            encoder also timm's, JEPA-depth), checkpoint or run folder, folder of ``transformers``, or "hf:..." as above.
        version: of a Depth Anything file whose name does not say.

    Raises:
        WeightsError: the path is missing or damaged or cannot be fetched, too little of the encoder is in it, the file
            belongs to another encoder, or its version is unsaid or not the model's.
        UsageError: a checkpoint whose configuration this version does not know.
    """
    place, named = located(path)
    foreign = _hugging_face_folder(place)
    folder = None if foreign else checkpoint_folder(place)
    if folder is not None:
        return _started(model, read_checkpoint(folder)[1], path)
    read = read_hugging_face_tensors(foreign) if foreign else read_tensors(place)
    of_timm = model.config.encoder.startswith(TIMM_PREFIX)
    if of_timm and is_jepa_checkpoint(read):
        tensors = from_jepa(read, path)
    elif of_timm and not is_ours(read):
        tensors = from_timm(read, list(model.state_dict()))
    else:
        tensors = translate(read)
    if not is_ours(read) and any(name.startswith(DECODER) for name in tensors) and model.config.size is not None:
        said = _version_of(foreign) if foreign else declared_version(named, version)
        _check_version(model.config, named, said)
    return _started(model, tensors, path)


def _hugging_face_folder(path: Path) -> Path | None:
    """The folder of ``transformers`` that a path is, or whose weights it is; None where it is neither."""
    folder = path.parent if path.name in WEIGHTS and is_file(path) else path
    foreign = not is_file(folder / DESCRIPTION) and is_hugging_face_folder(folder)
    return folder if foreign else None


def _version_of(folder: Path) -> str:
    config = read_hugging_face_config(folder / CONFIG)
    return "v1" if config.size is not None and config.taps == v1_taps(config.encoder) else "v2"


def _started(model: DepthModel, tensors: dict[str, Tensor], path: Path) -> LoadReport:
    """Copy what fits, where most of the encoder is among it; else nothing."""
    check_encoder_filled(model, compare_tensors(model, tensors, path), path)
    return copy_fitting(model, tensors, path)


def _filled(config: DepthModelConfig, tensors: dict[str, Tensor], path: Path, allow_missing: Collection[str]) -> DepthModel:
    model = DepthModel(config)
    report = copy_fitting(model, tensors, path)
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


@cache
def _say_licence(name: str, licence: str) -> None:
    """Once per model and process."""
    if _NON_COMMERCIAL in licence:
        logger.warning("%s: its weights are licensed %s, not for commercial use", name, licence)


def _say_licence_by_name(named: Path) -> None:
    preset = preset_by_name(named)
    if preset is not None:
        _say_licence(preset.name, preset.licence)


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
    """What a folder says of itself must be what was declared, but for how pictures and positions are brought to size."""
    if architecture is None:
        return
    wanted = replace(
        known_preset(architecture).config,
        input_size=config.input_size,
        interpolation=config.interpolation,
        position_rule=config.position_rule,
    )
    if wanted != config:
        raise WeightsError(
            expected=f"a checkpoint of {architecture}",
            got=f"{folder}, whose own description says otherwise",
            remedy="leave the architecture out: a checkpoint knows what it is",
        )
