# SPDX-License-Identifier: Apache-2.0
"""Reference inputs, made-up weights and the stored outputs of the official network (recipes: README of the fixtures)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leadline.models.decoders.dpt import Decoded
from leadline.models.depth_model import DepthModel
from leadline.models.dinov2 import DinoVisionTransformer
from leadline.models.features import Features
from leadline.models.weight_names import translate
from tests.reference_photo import scene
from tests.shared_paths import shared

PARTIAL = "weights/depth_anything_v2_small_partial.npz"
ABSENT = "depth_head.resize_layers.3.weight"
SIZES = {"252x336": 104, "518x518": 101, "518x686": 102, "392x518": 103}  # size -> seed
DEPTH, TAPS, MAPS = 1e-4, 2e-3, 5e-4  # tolerances of the README for real weights
_LEVEL_STRIDES, _PATH_STRIDES = (16, 8, 4, 2), (32, 16, 8, 4)


def net_input(size: str, seed: int) -> Tensor:
    """(1, 3, H, W) made-up scene, float32, for a ``size`` such as "252x336"."""
    height, width = (int(side) for side in size.split("x"))
    return torch.from_numpy(scene(height, width, seed).astype(np.float32)[None])


def rule_weights(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Made-up weights, a function of official name, shape and seed."""
    made = {}
    for index, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        draw = np.random.default_rng([seed, index]).standard_normal(shape)
        if name.endswith(".gamma"):
            value = 0.5 + 0.1 * draw
        elif "norm" in name and name.endswith("weight"):
            value = 1 + 0.1 * draw
        elif len(shape) >= 2 and not name.endswith(("cls_token", "pos_embed", "mask_token")):
            value = draw / np.sqrt(np.prod(shape[1:]))
        else:
            value = 0.1 * draw
        made[name] = torch.from_numpy(value.astype(np.float32))
    return made


def official_names(model: DepthModel) -> dict[str, str]:
    """Our name -> official name of every tensor of a relative model."""
    return {
        name: name.replace("encoder.", "pretrained.", 1).replace("decoder.", "depth_head.", 1) for name in model.state_dict()
    }


def small_weights() -> dict[str, Tensor]:
    """The real Small weights under our names, the one absent kernel set to zero, as the stored outputs had it."""
    with np.load(shared(PARTIAL)) as archive:
        tensors = {key: torch.from_numpy(archive[key]) for key in archive.files}
    return translate(tensors | {ABSENT: torch.zeros(384, 384, 3, 3)})


def features_of(model: DepthModel, image: Tensor) -> Features:
    assert isinstance(model.encoder, DinoVisionTransformer)
    features: Features = model.encoder(image)
    return features


def errors(
    arrays: Mapping[str, NDArray[np.float32]], size: str, features: Features, decoded: Decoded, depth: Tensor
) -> Iterator[tuple[str, float]]:
    """Largest absolute error of every array stored for one size: ("depth", "tap0".., "cls0".., "rn1".., "path1".., ...)."""
    prefix = f"{size}."
    for key in (key for key in arrays if key.startswith(prefix)):
        name = key.removeprefix(prefix)
        if name != "input_sample":
            got = _computed(name, features, decoded, depth).numpy()
            yield name, float(np.abs(got - arrays[key]).max())


def tolerance(name: str, *, depth: float = DEPTH, taps: float = TAPS, maps: float = MAPS) -> float:
    if name.startswith("depth"):
        return depth
    return taps if name.startswith(("tap", "cls")) else maps


def _computed(name: str, features: Features, decoded: Decoded, depth: Tensor) -> Tensor:
    if name == "depth_stats":
        return torch.stack([depth.min(), depth.max(), depth.mean(), depth.std()])
    if name.startswith("depth"):
        step = int(name.partition("_s")[2] or 1)
        return depth[:, ::step, ::step]
    if name == "outconv32":
        return decoded.out_conv[:, ::4, ::56, ::56]
    index = int(name[-1])
    if name.startswith("tap"):
        return features.maps[index].permute(0, 2, 3, 1)[:, ::4, ::4, ::16]
    if name.startswith("cls"):
        return features.prefix[index][:, 0]
    level = name.startswith("rn")
    step = (_LEVEL_STRIDES if level else _PATH_STRIDES)[index - 1]
    return (decoded.levels if level else decoded.paths)[index - 1][:, ::8, ::step, ::step]
