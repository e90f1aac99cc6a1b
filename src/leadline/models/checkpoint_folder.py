# SPDX-License-Identifier: Apache-2.0
"""Leadline's own checkpoint: a configuration and tensors enter a folder and come back out, or the damage is named.

``model.safetensors`` holds the tensors, ``model.json`` the configuration, the kind of the output and a SHA-256 per tensor.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from leadline.contracts.errors import StorageError, WeightsError
from leadline.models.config import DepthModelConfig
from leadline.models.weight_files import read_tensors

TENSORS, DESCRIPTION = "model.safetensors", "model.json"
FORMAT_VERSION = 1


def write_checkpoint(folder: Path, config: DepthModelConfig, tensors: dict[str, Tensor]) -> None:
    """Write both files, each under a temporary name, flushed to the disk and then renamed.

    Raises:
        StorageError: the folder cannot be written; what stood there before still stands.
    """
    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    description: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "kind": config.kind.value,
        "config": config.to_dict(),
        "tensors": {name: _fingerprint(tensor) for name, tensor in packed.items()},
    }
    text = json.dumps(description | {"checksum": _checksum(description)}, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(folder / TENSORS, lambda path: save_file(packed, path))
        _write_atomically(folder / DESCRIPTION, lambda path: path.write_text(text, encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        raise StorageError(
            expected=f"to write the model into {folder}",
            got=" ".join(str(error).split()),
            remedy="free space there, make it writable, or choose another folder",
        ) from error


def read_checkpoint(folder: Path) -> tuple[DepthModelConfig, dict[str, Tensor]]:
    """Read both files and verify every tensor.

    Raises:
        WeightsError: a file is missing, of a later format, or damaged; the message names the tensor.
        UsageError: the configuration has fields this version does not know.
    """
    description = _read_description(folder / DESCRIPTION)
    tensors = read_tensors(folder / TENSORS)
    expected: dict[str, Any] = description["tensors"]
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            raise _damaged(folder / TENSORS, f"tensor {name} {'missing' if name in expected else 'that was never saved'}")
        if _fingerprint(tensors[name]) != expected[name]:
            raise _damaged(folder / TENSORS, f"tensor {name} with other bytes than were saved")
    return DepthModelConfig.from_dict(description["config"]), tensors


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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
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


def _write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _damaged(path: Path, got: str) -> WeightsError:
    return WeightsError(expected=f"an intact checkpoint in {path}", got=got, remedy="use another checkpoint of the run")
