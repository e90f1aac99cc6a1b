# SPDX-License-Identifier: Apache-2.0
"""Tensors and facts on disk with a hash for every byte: a dict of tensors and a JSON object enter, and leave unchanged.

``NAME.safetensors`` holds the tensors; ``NAME.json`` holds the facts, the SHA-256 of each tensor, of the safetensors header
and of the JSON itself.  Safetensors has no checksum of its own, so a flipped bit would otherwise load as a weight.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, uint8

from leadline.contracts.errors import StorageError
from leadline.models.tensor_writing import save_tensors

FORMAT = 1


def write_tensors(folder: Path, name: str, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write ``tensors``, of any shape, dtype and device, and JSON-able ``facts`` as two files of ``folder``, neither synced.

    What the system or safetensors refuses goes through as it is; ``durable.storage_errors`` translates it.
    """
    stored = _separate(tensors)
    save_tensors(stored, folder / f"{name}.safetensors")
    content = {
        "format": FORMAT,
        "facts": facts,
        "header": _header_hash(folder / f"{name}.safetensors"),
        "tensors": {key: _hash(tensor) for key, tensor in sorted(stored.items())},
    }
    content["sha256"] = hashlib.sha256(_encoded(content)).hexdigest()
    (folder / f"{name}.json").write_bytes(_encoded(content))


def read_tensors(folder: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU, in their own shapes and dtypes) and facts that ``write_tensors`` wrote.

    Raises:
        StorageError: a file is missing, of another format, or any byte of it has changed; the message names the tensor.
    """
    content = _read_json(folder / f"{name}.json")
    path = folder / f"{name}.safetensors"
    try:
        if _header_hash(path) != content["header"]:
            raise _damaged(path, "a header that has changed")
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error)) from error
    for key, expected in content["tensors"].items():
        if key not in tensors or _hash(tensors[key]) != expected:
            raise _damaged(path, f"tensor {key!r} with another hash than was saved")
    return tensors, content["facts"]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
        content: dict[str, Any] = json.loads(raw)
        stated = content.pop("sha256")
        intact = stated == hashlib.sha256(_encoded(content)).hexdigest() and raw == _encoded(content | {"sha256": stated})
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    if not intact:
        raise _damaged(path, "content with another hash than was saved")
    if content["format"] != FORMAT:
        raise StorageError(
            expected=f"format {FORMAT} in {path}", got=f"format {content['format']}", remedy="use the version that wrote it"
        )
    return content


def _separate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, none sharing memory with another: safetensors refuses shared ones."""
    seen: set[int] = set()
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        one = tensor.detach().cpu().contiguous()
        storage = one.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != one.nbytes:
            one = one.clone()
        seen.add(one.untyped_storage().data_ptr())
        stored[name] = one
    return stored


def _hash(tensor: Tensor) -> str:
    raw = tensor.detach().contiguous().flatten().view(uint8)
    return hashlib.sha256(raw.numpy().data).hexdigest()


def _header_hash(path: Path) -> str:
    with path.open("rb") as file:
        length = file.read(8)  # little-endian size of the JSON header, https://github.com/huggingface/safetensors#format
        header = file.read(min(int.from_bytes(length, "little"), path.stat().st_size))
    return hashlib.sha256(length + header).hexdigest()


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"


def _damaged(path: Path, got: str) -> StorageError:
    return StorageError(
        expected=f"{path} as it was saved",
        got=got,
        remedy=f"go on from another one, e.g. `leadline resume {path.parent.parent / 'checkpoint_best'}`",
    )
