# SPDX-License-Identifier: Apache-2.0
"""A model in memory enters; its network as a graph in the user's cache folder leaves, written once per content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.errors import StorageError
from leadline.inference.runtimes.traced_network import OPSET, write_network
from leadline.rasters.user_cache import FOLDER_VARIABLE, cache_folder

if TYPE_CHECKING:
    from leadline.models.monocular_models import MonocularModel

_GRAPH = "network.onnx"


def graph_place(model: MonocularModel) -> Path:
    """The folder of the model's graph in the cache, there or not; another content or version has another folder."""
    return cache_folder() / "networks" / content_key(model)


def cached_graph(model: MonocularModel) -> Path:
    """The model's network as ONNX, for any size, written now where it is not there.

    Raises:
        MissingExtraError: without the packages onnx and onnxscript, where it must be written.
        UsageError: the model cannot be traced.
        StorageError: the cache folder cannot be written.
    """
    place = graph_place(model)
    if (place / _GRAPH).is_file():
        return place / _GRAPH
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".writing-") as folder:
            draft = Path(folder) / "draft"
            draft.mkdir()
            write_network(model, draft / _GRAPH)
            if not place.exists():  # a folder of the same name has the same content, whoever wrote it
                shutil.move(draft, place)
    except OSError as error:
        raise StorageError(
            expected=f"to write the graph of the model into {place.parent}",
            got=error.strerror or str(error),
            remedy=f"set {FOLDER_VARIABLE} to a folder with free space, or use --runtime torch",
        ) from error
    return place / _GRAPH


def content_key(model: MonocularModel) -> str:
    """Hexadecimal name of a model's configuration and numbers, and of what turns them into a graph."""
    digest = hashlib.sha256()
    digest.update(f"{model.config.to_dict()} opset {OPSET} torch {version('torch')} leadline {version('leadline')}".encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()[:32]
