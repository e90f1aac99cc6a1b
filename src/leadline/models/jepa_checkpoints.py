# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of the JEPA-depth reference enters; which network it holds, read from its tensors, and these leave."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import timm
import torch

from leadline.contracts.errors import UsageError, WeightsError
from leadline.models.checkpoint_folder import DESCRIPTION
from leadline.models.config import TIMM_PREFIX, DepthModelConfig
from leadline.models.encoder import build_encoder
from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.jepa_names import BACKBONE, PROJECTOR, STAGES, from_jepa, spelling
from leadline.models.projector import ProjectorConfig

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

# Width and blocks of timm's vision transformers; patch and picture size stand in the tensors.
_VIT_SIZES = {(192, 12): "tiny", (384, 12): "small", (768, 12): "base", (1024, 24): "large"}
_RESNET_STAGES = 4
_STAGE = re.compile(rf"{re.escape(STAGES)}(\d+)\.0\.weight")
_LINEAR = re.compile(rf"{re.escape(PROJECTOR)}net\.(\d+)\.weight")
# The reference learns depth / 65535 of 16-bit pictures, and DDOS's 65535 is 100 m (Kolbeinsson and Mikolajczyk 2024).
_MAX_DEPTH_M = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class JepaCheckpoint:
    """What was recognised.

    Attributes:
        config: of the network; it predicts metres, and its pictures are normalised by ImageNet's statistics, as the
            reference does with every backbone.
        tensors: all of the network's, under our names, of any shape; the projector's are left out.
        projector: that the file has beside it, or None.
        said: the same in a sentence.
    """

    config: DepthModelConfig
    tensors: dict[str, Tensor]
    projector: ProjectorConfig | None
    said: str


def recognise(
    tensors: dict[str, Tensor], path: Path, *, declared: str | None = None, flags: Mapping[str, Any] | None = None
) -> JepaCheckpoint:
    """The network of a checkpoint for which ``is_jepa_checkpoint`` is true.

    Args:
        tensors: of any shape, as they stand in the file.
        path: for messages.
        declared: the backbone as its user names it, with or without ``timm:``.
        flags: what the reference stored of its command line.

    Raises:
        WeightsError: names of no part; a file of our own, out of its folder; a backbone that cannot be told; what the user
            declares, what the file says of itself and what its tensors are contradict each other.
    """
    flags = flags or {}
    if any(name.startswith(BACKBONE) for name in tensors):
        raise WeightsError(
            expected=f"{DESCRIPTION} beside tensors of leadline, which alone says what their depth means",
            got=f"{path} by itself",
            remedy="give the folder it was written in",
        )
    ours = from_jepa(tensors, path)
    backbone = {name.removeprefix(BACKBONE): value for name, value in ours.items() if name.startswith(BACKBONE)}
    name = _agreed_name(backbone, path, declared, flags.get("model"))
    widths = _stage_widths(ours)
    projector, projector_widths = _projector(ours)
    config = DepthModelConfig(
        encoder=TIMM_PREFIX + name,
        decoder="upsample",
        decoder_channels=widths[1:],
        head=SigmoidHeadConfig(max_depth_m=_MAX_DEPTH_M),
        input_size=_trained_px(backbone, flags),
        interpolation="antialiased",
        normalisation="imagenet",
    )
    said = f"recognised by its tensors as a JEPA-depth checkpoint: backbone {name} ({_described(backbone)}), "
    said += f"{len(widths) - 1} doublings {_joined(widths)} ({spelling(tensors)}), "
    said += f"projector {_joined(projector_widths)}, not used for depth; " if projector else "no projector; "
    said += f"metres are {_MAX_DEPTH_M:g} times what it says, DDOS's range"
    needed = {name: value for name, value in ours.items() if not name.startswith(PROJECTOR)}
    return JepaCheckpoint(config=config, tensors=needed, projector=projector, said=said)


def _agreed_name(backbone: dict[str, Tensor], path: Path, declared: str | None, stored: object) -> str:
    """The name timm knows, from whoever says it; those who contradict each other are both named."""
    inferred = _inferred_name(backbone)
    voices = {"declared": declared, "stored in the file": stored if isinstance(stored, str) else None}
    named = {who: name.removeprefix(TIMM_PREFIX) for who, name in voices.items() if name}
    if len({_family(name) for name in named.values()}) > 1:
        declared_name, stored_name = named.values()
        raise _contradiction(path, declared_name, f"which says itself that it is {stored_name}")
    for name in named.values():
        if _family(name) != inferred and not _has_shapes_of(name, backbone):
            tensors_of = f"that of {inferred}" if inferred else f"another: {_described(backbone)}"
            raise _contradiction(path, name, f"whose backbone is by its tensors {tensors_of}")
    chosen = next(iter(named.values()), inferred)
    if chosen is None:
        raise WeightsError(
            expected="a backbone that can be told from its tensors: vit_*_patch* or resnet*, as timm names them",
            got=f"{path}: {_described(backbone)}",
            remedy="pass its architecture, e.g. timm:vit_small_patch16_224",
        )
    return chosen


def _contradiction(path: Path, declared: str, got: str) -> WeightsError:
    return WeightsError(
        expected=f"a checkpoint of {declared}",
        got=f"{path}, {got}",
        remedy="leave the architecture out, or give the other file",
    )


def _inferred_name(backbone: dict[str, Tensor]) -> str | None:
    """The name timm knows, without training tag, of the transformer or ResNet with these tensors, or None."""
    patches, positions = (backbone.get(name) for name in ("patch_embed.proj.weight", "pos_embed"))
    if patches is not None and patches.ndim == 4 and positions is not None and positions.ndim == 3:
        size = _VIT_SIZES.get((patches.shape[0], _count(backbone, "blocks.")))
        name = f"vit_{size}_patch{patches.shape[-1]}_{_native_px(backbone)}"
    else:
        convolutions = 3 if "layer1.0.conv3.weight" in backbone else 2
        blocks = sum(_count(backbone, f"layer{stage + 1}.") for stage in range(_RESNET_STAGES))
        name = f"resnet{blocks * convolutions + 2}"
    return name if timm.is_model(name) and _has_shapes_of(name, backbone) else None


def _has_shapes_of(name: str, backbone: dict[str, Tensor]) -> bool:
    """Whether timm's model of this name is made of exactly these tensors."""
    return _shapes_of(name) == {own: value.shape for own, value in backbone.items()}


@cache
def _shapes_of(name: str) -> dict[str, torch.Size] | None:
    """The tensors of timm's model of this name, built without numbers; None where it cannot serve."""
    config = DepthModelConfig(encoder=TIMM_PREFIX + name, decoder="upsample")
    try:
        with torch.device("meta"):
            encoder = build_encoder(config)
    except UsageError:
        return None
    return {own.removeprefix("backbone."): value.shape for own, value in encoder.state_dict().items()}


def _stage_widths(ours: dict[str, Tensor]) -> tuple[int, ...]:
    """Width before the first stage, and after each; a transposed convolution is stored as (in, out, 4, 4)."""
    stages = [value for _, value in _numbered(ours, _STAGE) if value.ndim == 4]
    return (stages[0].shape[0], *(value.shape[1] for value in stages))


def _projector(ours: dict[str, Tensor]) -> tuple[ProjectorConfig | None, tuple[int, ...]]:
    """What is known of the projector, and its widths; its activation, of which no tensor tells, is the reference's."""
    linear = [(place, value) for place, value in _numbered(ours, _LINEAR) if value.ndim == 2]
    if not linear:
        return None, ()
    last, final = linear[-1]
    config = ProjectorConfig(
        dim=final.shape[0],
        hidden=linear[0][1].shape[0],
        layers=len(linear),
        activation="gelu",
        hidden_norm="batch" if f"{PROJECTOR}net.1.running_mean" in ours else "layer",
        output_norm=f"{PROJECTOR}net.{last + 1}.running_mean" in ours,
    )
    return config, (linear[0][1].shape[1], *(value.shape[0] for _, value in linear))


def _numbered(ours: dict[str, Tensor], pattern: re.Pattern[str]) -> list[tuple[int, Tensor]]:
    """The tensors whose names fit, by the number in them."""
    found = ((pattern.fullmatch(name), value) for name, value in ours.items())
    return sorted(((int(match[1]), value) for match, value in found if match), key=lambda pair: pair[0])


def _trained_px(backbone: dict[str, Tensor], flags: Mapping[str, Any]) -> int | None:
    """The side of the crops a transformer was trained on; a ResNet of the reference saw whole pictures of many sizes."""
    stored = flags.get("global_img_size")
    if "pos_embed" not in backbone:
        return None
    return stored if isinstance(stored, int) and stored >= 1 else _native_px(backbone)


def _native_px(backbone: dict[str, Tensor]) -> int:
    return math.isqrt(backbone["pos_embed"].shape[1]) * backbone["patch_embed.proj.weight"].shape[-1]


def _described(backbone: dict[str, Tensor]) -> str:
    patches = backbone.get("patch_embed.proj.weight")
    if patches is not None and patches.ndim == 4:
        return f"a transformer of width {patches.shape[0]}, {_count(backbone, 'blocks.')} blocks, patch {patches.shape[-1]}"
    stages = [_count(backbone, f"layer{stage + 1}.") for stage in range(_RESNET_STAGES)]
    return f"a ResNet of {'+'.join(map(str, stages))} blocks" if any(stages) else f"{len(backbone)} unfamiliar tensors"


def _count(tensors: dict[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in tensors if name.startswith(prefix)})


def _family(name: str) -> str:
    """A timm name without its training tag."""
    return name.partition(".")[0]


def _joined(widths: tuple[int, ...]) -> str:
    return "-".join(map(str, widths))
