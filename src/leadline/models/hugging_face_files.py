# SPDX-License-Identifier: Apache-2.0
"""A folder of ``transformers`` enters, its tensors leave: of one safetensors file, shards, or a pickle without code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.contracts.paths import is_file
from leadline.models.checkpoint_folder import TENSORS
from leadline.models.weight_files import read_tensors

INDEX, PICKLE, PICKLE_INDEX = "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"
WEIGHTS = (TENSORS, INDEX, PICKLE, PICKLE_INDEX)  # the first that is there is read, as transformers does
_INDICES = (INDEX, PICKLE_INDEX)


def read_hugging_face_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of the folder, on the CPU, in the shapes and dtypes of the file.

    Raises:
        WeightsError: no weights are there, a shard is missing, a file is damaged, or a shard holds other names than the
            index says.
    """
    weights = next((folder / name for name in WEIGHTS if is_file(folder / name)), folder / TENSORS)
    if weights.name not in _INDICES:
        return read_tensors(weights)
    place = read_index(weights)
    read: dict[str, Tensor] = {}
    for shard in sorted(set(place.values())):
        tensors = read_tensors(folder / shard)
        said = {name for name, one in place.items() if one == shard}
        if said != tensors.keys():
            odd = min(said ^ tensors.keys())
            raise _disagreeing(weights, f"{shard}, which {'lacks' if odd in said else 'also holds'} {odd}")
        read |= tensors
    return read


def read_index(path: Path) -> dict[str, str]:
    """The file in which each tensor of an index lies, beside the index.

    Raises:
        WeightsError: the index is damaged, or names a file anywhere else.
    """
    try:
        place: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = set(place.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _disagreeing(path, f"{type(error).__name__} ({error})") from error
    for file in files:
        if not isinstance(file, str) or Path(file).name != file or file == ".." or "\\" in file:
            raise _disagreeing(path, f"{file!r}, which is not the name of a file beside it")
    return place


def fetch_weights(fetch: Callable[[str], Path], is_there: Callable[[str], bool]) -> Path:
    """Bring the weights of a repository to this disk: the first of ``WEIGHTS`` that it has, and all its shards.

    Args:
        fetch: a file by its name in the repository; raises where it is not there.
        is_there: whether it is.

    Returns:
        The file, or the index beside its shards.

    Raises:
        WeightsError: as ``fetch`` does, of ``model.safetensors`` where there is none of them; the index is damaged.
    """
    chosen = next((name for name in WEIGHTS if is_there(name)), TENSORS)
    weights = fetch(chosen)
    if chosen in _INDICES:
        for shard in sorted(set(read_index(weights).values())):
            fetch(shard)
    return weights


def _disagreeing(path: Path, got: str) -> WeightsError:
    return WeightsError(
        expected="an index of tensors and the files beside it that hold them",
        got=f"{path}: {got}",
        remedy="fetch the folder again",
    )
