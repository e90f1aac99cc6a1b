# SPDX-License-Identifier: Apache-2.0
"""Tensors of anybody's encoder enter; the same under a ``FeaturePyramid``'s names, ``backbone.*`` and ``neck.*``, leave.

Known are Depth Anything, raw DINOv2, ``transformers``, our own depth and stereo models, Swin as its authors, mmsegmentation
and timm write it, ResNet as torchvision, timm and monodepth2 do, and the encoders in checkpoints of TiO-Depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor

from leadline.models.name_rules import renamed, renamer
from leadline.models.position_embedding import resample_positions
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.official_names import OFFICIAL_ENCODER, is_official
from leadline.models.weight_names import translate

BACKBONE, NECK = "backbone.", "neck."
_STEREO = "pyramid."  # a StereoModel's name for its pyramid
_FROM_DEPTH_MODEL = renamer([("encoder", "backbone"), ("decoder", "neck")])
_WRAPPED = re.compile(r"((encoder|backbone|model)\.)+")
_STAGE_OF_TIMM = re.compile(r"^layers_(\d+)")  # in a backbone of timm's that hands out maps
_OF_A_BACKBONE = re.compile(r"(patch_embed|layers\.\d|norm\d|conv1|bn1|layer\d)\.")
_MERGING = re.compile(r"layers\.(\d+)\.downsample")
_COMPUTED = ("relative_position_index", "attn_mask")  # constants some Swin files carry
_POSITIONS = BACKBONE + "pos_embed"


def pyramid_tensors(tensors: dict[str, Tensor], config: PyramidConfig) -> dict[str, Tensor]:
    """Rename; what belongs to no encoder keeps its name, and constants that are computed here are left out.

    Args:
        tensors: of any shape, by name.
        config: of the pyramid they are for; it tells a Swin's names from a ResNet's.

    Raises:
        WeightsError: two names become one.
    """
    if any(name.startswith((_STEREO + BACKBONE, BACKBONE + "cls_token")) for name in tensors):
        return renamed(tensors, lambda name: name.removeprefix(_STEREO))
    if is_official(list(tensors)):
        tensors = {name.removeprefix(OFFICIAL_ENCODER): one for name, one in tensors.items()}
    if config.dino is not None:
        return renamed(translate(tensors), lambda name: _FROM_DEPTH_MODEL(name) or name)
    tensors = {name: one for name, one in tensors.items() if not name.endswith(_COMPUTED)}
    tensors = renamed(tensors, _plain)
    if config.swin is not None:
        tensors = renamed(tensors, _swin_names(tensors))
    return renamed(tensors, lambda name: BACKBONE + name if _OF_A_BACKBONE.match(name) else name)


def on_native_grid(tensors: dict[str, Tensor], wanted: tuple[int, ...]) -> tuple[dict[str, Tensor], str]:
    """The same, with DINOv2's position embeddings (1,1+n*n,D) brought to ``wanted``'s grid where only the grid differs.

    Tensors by a pyramid's names, of any shape -> them, and a sentence about what was resampled, or "".
    """
    found = tensors.get(_POSITIONS)
    if found is None or found.ndim != len(wanted) or found.shape[-1] != wanted[-1] or found.shape == wanted:
        return tensors, ""
    native, own = _side(found.shape[1]), _side(wanted[1])
    if native is None or own is None:
        return tensors, ""
    grid = resample_positions(found[0, 1:].view(native, native, -1), own, own, "size").flatten(0, 1)
    said = f"position embeddings resampled from {native}x{native} to {own}x{own}"
    return tensors | {_POSITIONS: torch.cat((found[:, :1], grid[None].to(found.dtype)), dim=1)}, said


def _plain(name: str) -> str:
    wrapped = _WRAPPED.match(name)
    bare = _STAGE_OF_TIMM.sub(r"layers.\1", name[wrapped.end() :] if wrapped else name)
    return bare if _OF_A_BACKBONE.match(bare) or bare.startswith("norm.") else name


def _swin_names(tensors: dict[str, Tensor]) -> Callable[[str], str]:
    """Merging is the end of a stage, not with timm the start of the next; a classifier's last norm is the last stage's."""
    ours = any(name.startswith("layers.0.downsample.") for name in tensors)
    norms = any(name.startswith("norm3.") for name in tensors)

    def rename(name: str) -> str:
        if name.startswith("norm.") and not norms:
            return f"norm3.{name.removeprefix('norm.')}"
        return name if ours else _MERGING.sub(lambda found: f"layers.{int(found[1]) - 1}.downsample", name)

    return rename


def _side(tokens: int) -> int | None:
    side = round((tokens - 1) ** 0.5)
    return side if side > 0 and side * side == tokens - 1 else None
