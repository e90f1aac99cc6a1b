# SPDX-License-Identifier: Apache-2.0
"""A model enters, its weights in another project's layout leave: Depth Anything's, MiDaS's, ZoeDepth's or Hugging Face's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from torch import Tensor

from leadline.contracts.errors import StorageError, UsageError
from leadline.models.checkpoint_folder import TENSORS, write_checkpoint
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig
from leadline.models.hugging_face_config import CONFIG
from leadline.models.hugging_face_names import to_hugging_face
from leadline.models.hugging_face_values import hugging_face_values
from leadline.models.official_names import to_official
from leadline.models.tensor_writing import save_tensors

Layout = Literal["leadline", "official", "hugging-face"]
OFFICIAL_SUFFIXES = (".safetensors", ".pth", ".pt")


def write_weights(model: DepthModel, path: Path, *, layout: Layout) -> None:
    """Write the weights so that others can read them, and ``load_model`` exactly as they are.

    - "leadline" makes the folder ``path`` our checkpoint.
    - "official" writes one file with the names of the model's own project, a plain state dict: ``.safetensors``, or ``.pth``
      and ``.pt``, which are pickles of tensors and nothing else.  Its name must say which model it is, or its reader must be
      told (``--architecture``).  MiDaS's own code also asks for the classifier of its backbone, which no depth model has:
      read there with ``strict=False``.
    - "hugging-face" makes the folder ``path`` one that ``transformers`` opens with
      ``AutoModelForDepthEstimation.from_pretrained``.  Away from 518 x 518 pixels that brings DINOv2's position embeddings
      to size by a rule of its own, so its depth differs a little from that of the official rule.

    Raises:
        UsageError: the layout has no words for this model, or the file no suffix of the layout.
        StorageError: the path cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    if layout == "leadline":
        write_checkpoint(path, model.config, tensors)
    elif model.config.calibration is not None:
        raise UsageError(
            expected="a model without calibration, for which no other layout has a place",
            got="a calibrated one",
            remedy="write it with layout leadline",
        )
    elif model.config.decoder != "dpt":
        raise UsageError(
            expected="a model with the DPT decoder, the only one that other layouts know",
            got=f"decoder {model.config.decoder}",
            remedy="write it with layout leadline",
        )
    elif layout == "official":
        _write_official(path, model.config, tensors)
    else:
        values = hugging_face_values(model.config)
        theirs = {name: tensor.clone() for name, tensor in to_hugging_face(tensors).items()}
        _write(path / TENSORS, lambda place: save_tensors(theirs, place, metadata={"format": "pt"}))
        _write(path / CONFIG, lambda place: place.write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8"))


def _write_official(path: Path, config: DepthModelConfig, tensors: dict[str, Tensor]) -> None:
    if path.suffix.lower() not in OFFICIAL_SUFFIXES:
        raise UsageError(expected=f"a file ending in {', '.join(OFFICIAL_SUFFIXES)}", got=str(path), remedy="rename it")
    if config.size is None and config.beit is None:
        raise UsageError(
            expected="a model on DINOv2 or BEiT, whose projects have an official layout",
            got=f"encoder {config.encoder}",
            remedy="write it with layout leadline",
        )
    names = to_official(config, list(tensors))
    theirs = {names[name]: tensor for name, tensor in tensors.items()} | _constants(config)
    if path.suffix.lower() == ".safetensors":
        _write(path, lambda place: save_tensors(theirs, place))
    else:
        _write(path, lambda place: torch.save(theirs, place))


def _constants(config: DepthModelConfig) -> dict[str, Tensor]:
    """What ZoeDepth's files hold beside their weights: the numbers of the bins, and the last of them."""
    if isinstance(config.head, MetricBinsHeadConfig):
        owners = ["conditional_log_binomial"]
    elif isinstance(config.head, RoutedBinsHeadConfig):
        owners = [f"conditional_log_binomial.{domain}" for domain in config.head.domains]
    else:
        return {}
    bins = config.head.n_bins
    made = {}
    for owner in owners:
        made[f"{owner}.log_binomial_transform.k_idx"] = torch.arange(bins).view(1, -1, 1, 1)
        made[f"{owner}.log_binomial_transform.K_minus_1"] = torch.full((1, 1, 1, 1), float(bins - 1))
    return made


def _write(path: Path, writer: Callable[[Path], Any]) -> None:
    """Write under another name and rename, so that a crash leaves no half a file under this one."""
    partial = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(partial)
        partial.replace(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        with suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)
        raise StorageError(
            expected=f"to write {path}",
            got=" ".join(str(error).split()),
            remedy="free space there, make it writable, or choose another place",
        ) from error
