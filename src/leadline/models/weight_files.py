# SPDX-License-Identifier: Apache-2.0
"""A weights file enters (.safetensors, .pth, .pt, .npz), its tensors by name leave; nothing in the file is ever executed."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.contracts.model_forms import EXPORTED_SUFFIXES, MODEL_FORMS, WEIGHT_SUFFIXES
from leadline.contracts.paths import is_file
from leadline.models.name_rules import renamed

_WRAPPERS = ("model", "model_state_dict", "model_params", "state_dict")  # names training loops put the weights under
_PICKLES = (".pth", ".pt", ".bin")  # .bin: older folders of transformers
_PREFIXES = ("module.", "_orig_mod.")  # left by DistributedDataParallel and torch.compile

# What the four readers raise on a truncated, overwritten or foreign file.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read every tensor of a file onto the CPU, without wrapper names and without what DDP or compile prepended.

    Shapes and dtypes are those of the file.

    Raises:
        WeightsError: the file is missing, of another format, damaged, holds anything but tensors, or two of one name.
    """
    if not is_file(path):
        raise _unreadable(path, "no such file")
    pickles = dict.fromkeys(_PICKLES, _read_pickle)
    reader = {".safetensors": load_file, ".npz": _read_npz, **pickles}.get(path.suffix.lower())
    if reader is None:
        raise _unreadable(path, f"the unknown suffix {path.suffix!r}")
    try:
        tensors = reader(path)
    except _DAMAGE as error:
        raise _unreadable(path, _reason(path, error)) from error
    return renamed(tensors, _bare)


def read_training_flags(path: Path) -> dict[str, Any]:
    """What a training loop left of its command line under "args", beside what ``read_tensors`` gave; or nothing."""
    if path.suffix.lower() not in _PICKLES:
        return {}
    content: Any = torch.load(path, map_location="meta", weights_only=True)
    flags = content.get("args") if isinstance(content, Mapping) else None
    return {str(name): value for name, value in flags.items()} if isinstance(flags, Mapping) else {}


def require_weights_suffix(path: Path) -> None:
    """Refuse what by its name holds no weights, a picture in the model's place or an exported graph, before it is opened.

    Raises:
        WeightsError: another suffix than those of ``WEIGHT_SUFFIXES``.
    """
    suffix = path.suffix.lower()
    if suffix not in WEIGHT_SUFFIXES:
        misplaced, graph = "name the model first; pictures and other arguments follow it", "name what it was exported from"
        remedy = graph if suffix in EXPORTED_SUFFIXES else misplaced
        raise WeightsError(expected=f"as the model {MODEL_FORMS}", got=str(path), remedy=remedy)


def _reason(path: Path, error: BaseException) -> str:
    """What is wrong with a file that a reader gave up on; the readers themselves say ``101`` of a text called .pth."""
    with path.open("rb") as file:
        begin = file.read(2)
    if not begin:
        return "an empty file"
    if path.suffix.lower() in _PICKLES and begin != b"PK" and begin[:1] != b"\x80":
        return "no checkpoint, neither of torch.save's zip archives nor a pickle"
    if isinstance(error, pickle.UnpicklingError):  # torch's own text advises to read it without care
        foreign = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
        return (
            f"a pickle of more than tensors ({foreign[1]}), which is not run"
            if foreign
            else "a pickle, not of torch.save, or a damaged one"
        )
    said = str(error).split("\n")[0]
    return said if " " in said else f"damaged ({type(error).__name__} {said})"


def _read_npz(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise _unreadable(path, "a single array")
        return {name: torch.from_numpy(archive[name]) for name in archive.files}


def _read_pickle(path: Path) -> dict[str, Tensor]:
    with warnings.catch_warnings():  # torch advises to report a pickle that it did not write; we refuse it in a sentence
        warnings.filterwarnings("ignore", "Detected pickle protocol")
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise _unreadable(path, f"a {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(name, str):
            raise _unreadable(path, f"a tensor called {name!r}, which is no name")
        if not isinstance(value, Tensor):
            raise _unreadable(path, f"{name!r}, which is no tensor")
        if value.layout is not torch.strided or value.is_meta or value.is_quantized:
            raise _unreadable(path, f"{name!r}, a tensor that is sparse, quantised or without numbers")
    return dict(content)


def _bare(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.split(".", 1)[1]
    return name


def _unreadable(path: Path, got: str) -> WeightsError:
    return WeightsError(
        expected=f"tensors in a {', '.join(WEIGHT_SUFFIXES)} file",
        got=f"{path}: {got}",
        remedy="check the path, or fetch the file again",
    )
