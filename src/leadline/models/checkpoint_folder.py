# SPDX-License-Identifier: Apache-2.0
"""Leadline's own checkpoint: a configuration and tensors enter a folder and come back out, or the damage is named.

``model.safetensors`` holds the tensors, ``model.json`` the configuration, the kind of the output and a SHA-256 per tensor;
and the family of networks that the configuration describes, where it is not that of ``DepthModel``.
While one checkpoint replaces another, the tensors wait under a name made of the checksum of their ``model.json``: renaming
that file is what makes the new checkpoint the one that is read, and a crash at any instant leaves one of the two.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError
from torch import Tensor

from leadline.contracts.errors import StorageError, WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.tensor_writing import save_tensors
from leadline.models.weight_files import read_tensors

TENSORS, DESCRIPTION = "model.safetensors", "model.json"
FORMAT_VERSION = 1
Family = Literal["depth", "stereo"]


def write_checkpoint(folder: Path, config: DepthModelConfig | StereoModelConfig, tensors: dict[str, Tensor]) -> None:
    """Write both files under temporary names, flush them to the disk, then rename them.

    Args:
        folder: made where it is missing.
        config: of the model the tensors belong to.
        tensors: by name, of any shape, dtype and device; stored in their dtype.

    Raises:
        StorageError: the folder cannot be written; it holds the whole old checkpoint, or the whole new one.
    """
    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    description: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "kind": config.kind.value,
        "config": config.to_dict(),
        "tensors": {name: _fingerprint(tensor) for name, tensor in packed.items()},
    }
    if isinstance(config, StereoModelConfig):
        description["family"] = "stereo"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder, packed, description, _checksum(description))
    except (OSError, ValueError, SafetensorError) as error:  # ValueError: a null byte in the path
        raise StorageError(
            expected=f"to write the model into {folder}",
            got=" ".join(str(error).split()),
            remedy="free space there, make it writable, or choose another folder",
        ) from error


def read_checkpoint(folder: Path) -> tuple[DepthModelConfig, dict[str, Tensor]]:
    """Read both files and verify every tensor; they come on the CPU, in the shapes and dtypes they were written with.

    Raises:
        WeightsError: a file is missing, of a later format, damaged, or of another family; the message names the file, or the
            tensor in it.
        UsageError: the configuration has fields or values this version does not know.
    """
    description = _described(folder, "depth")
    return DepthModelConfig.from_dict(description["config"]), _verified(folder, description)


def read_stereo_checkpoint(folder: Path) -> tuple[StereoModelConfig, dict[str, Tensor]]:
    """As ``read_checkpoint``, of a stereo network."""
    description = _described(folder, "stereo")
    return StereoModelConfig.from_dict(description["config"]), _verified(folder, description)


def read_checkpoint_tensors(folder: Path) -> dict[str, Tensor]:
    """The verified tensors of a checkpoint of any family, as ``read_checkpoint`` gives them; errors likewise."""
    return _verified(folder, _read_description(folder / DESCRIPTION))


def family_of(folder: Path) -> Family:
    """Which kind of network a checkpoint holds.

    Raises:
        WeightsError: its description is missing, damaged, of a later format or of a family this version does not know.
    """
    return _family(_read_description(folder / DESCRIPTION), folder)


def _family(description: dict[str, Any], folder: Path) -> Family:
    family = description.get("family", "depth")
    if family not in get_args(Family):
        known = " or ".join(get_args(Family))
        raise WeightsError(expected=f"a network of family {known}", got=f"{folder} of {family!r}", remedy="update leadline")
    return family  # type: ignore[no-any-return]


def _described(folder: Path, family: Family) -> dict[str, Any]:
    description = _read_description(folder / DESCRIPTION)
    found = _family(description, folder)
    if found != family:
        names = {"depth": "a depth model", "stereo": "a stereo network"}
        raise WeightsError(
            expected=f"{names[family]} in {folder}",
            got=names[found],
            remedy="use it with a command that takes such a network, or name another checkpoint",
        )
    return description


def _verified(folder: Path, description: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of a checkpoint, each as it was written."""
    waiting = _waiting(folder, _checksum(description))
    path = waiting if waiting.exists() else folder / TENSORS
    tensors = read_tensors(path)
    expected: dict[str, Any] = description["tensors"]
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            raise _damaged(path, f"tensor {name} {'missing' if name in expected else 'that was never saved'}")
        if _fingerprint(tensors[name]) != expected[name]:
            raise _damaged(path, f"tensor {name} with other bytes than were saved")
    return tensors


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        checksum = description.pop("checksum")
        if description["format"] > FORMAT_VERSION:
            raise WeightsError(
                expected=f"a checkpoint of format {FORMAT_VERSION} or older",
                got=f"{path} of format {description['format']}",
                remedy="update leadline",
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"unreadable content ({error})") from error
    if checksum != _checksum(description):
        raise _damaged(path, "a text that differs from what was saved")
    return description


def _fingerprint(tensor: Tensor) -> dict[str, Any]:
    raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def _checksum(description: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _waiting(folder: Path, checksum: str) -> Path:
    """Where the tensors of the description with this checksum lie until they have their proper name."""
    return folder / f".{checksum[:16]}.{TENSORS}"


def _replace(folder: Path, tensors: dict[str, Tensor], description: dict[str, Any], checksum: str) -> None:
    new_tensors, new_description = (folder / f".{os.getpid()}.partial.{name}" for name in (TENSORS, DESCRIPTION))
    waiting = _waiting(folder, checksum)
    left_by_a_crash = waiting.exists()
    try:
        save_tensors(tensors, new_tensors)
        new_description.write_text(json.dumps(description | {"checksum": checksum}, indent=1), encoding="utf-8")
        _sync(new_tensors)
        _sync(new_description)
        new_tensors.replace(waiting)
        _sync(folder)
        new_description.replace(folder / DESCRIPTION)
    except Exception:  # not an interrupt: that may come when the description is already in place
        if not left_by_a_crash:
            _discard(waiting)
        raise
    finally:
        _discard(new_tensors)
        _discard(new_description)
    _sync(folder)
    waiting.replace(folder / TENSORS)
    _sync(folder)


def _discard(path: Path) -> None:
    with suppress(OSError, ValueError):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, got: str) -> WeightsError:
    return WeightsError(expected=f"an intact checkpoint in {path}", got=got, remedy="use another checkpoint of the run")
