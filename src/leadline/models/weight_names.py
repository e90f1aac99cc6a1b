# SPDX-License-Identifier: Apache-2.0
"""Tensors under anybody's names enter (official, DINOv2 hub, ZoeDepth, Hugging Face), the same under ours leave."""

from __future__ import annotations

import re

import torch
from torch import Tensor

ENCODER, DECODER, HEAD = "encoder.", "decoder.", "head."
_OURS = (ENCODER, DECODER, HEAD)

# Prefixes that give a dialect away, and what they become.  The order matters: the first that fits is taken.
_DIALECTS: tuple[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], ...] = (
    (("core.core.pretrained.",), (("core.core.pretrained.", ENCODER), ("core.core.depth_head.", DECODER), ("", HEAD))),
    (("pretrained.", "depth_head."), (("pretrained.", ENCODER), ("depth_head.", DECODER), ("", ""))),
    (("blocks.0.",), (("", ENCODER),)),  # the DINOv2 hub: an encoder and nothing else
)
# Counters ZoeDepth stores beside its weights; ours are computed.
_DERIVED = ("log_binomial_transform.k_idx", "log_binomial_transform.K_minus_1")

# Hugging Face names, those of released files and those of transformers 5 modules.
_HF_LAYER = r"backbone\.encoder\.layer\.(\d+)\."
_HF_UNIT = r"neck\.fusion_stage\.layers\.(\d)\."
_HF_NAMES: tuple[tuple[str, str], ...] = (
    (r"backbone\.embeddings\.position_embeddings", "encoder.pos_embed"),
    (r"backbone\.embeddings\.patch_embeddings\.projection", "encoder.patch_embed.proj"),
    (r"backbone\.embeddings\.", "encoder."),
    (r"backbone\.layernorm", "encoder.norm"),
    (_HF_LAYER + r"attention\.(?:output\.dense|o_proj)", r"encoder.blocks.\1.attn.proj"),
    (_HF_LAYER + r"attention\.(?:attention\.)?(query|key|value|[qkv]_proj)", r"encoder.blocks.\1.attn.qkv.\2"),
    (_HF_LAYER + r"layer_scale(\d)\.lambda1", r"encoder.blocks.\1.ls\2.gamma"),
    (_HF_LAYER + r"mlp\.weights_in", r"encoder.blocks.\1.mlp.w12"),
    (_HF_LAYER + r"mlp\.(gate_proj|up_proj)", r"encoder.blocks.\1.mlp.w12.\2"),
    (_HF_LAYER + r"mlp\.(?:weights_out|down_proj)", r"encoder.blocks.\1.mlp.w3"),
    (_HF_LAYER, r"encoder.blocks.\1."),
    (r"neck\.reassemble_stage\.layers\.(\d)\.projection", r"decoder.projects.\1"),
    (r"neck\.reassemble_stage\.layers\.(\d)\.resize", r"decoder.resize_layers.\1"),
    (_HF_UNIT + r"projection", r"decoder.scratch.refinenet\1.out_conv"),
    (_HF_UNIT + r"residual_layer(\d)\.convolution(\d)", r"decoder.scratch.refinenet\1.resConfUnit\2.conv\3"),
    (r"head\.conv1", "decoder.scratch.output_conv1"),
    (r"head\.conv2", "decoder.scratch.output_conv2.0"),
    (r"head\.conv3", "decoder.scratch.output_conv2.2"),
)
# Parts that Hugging Face stores apart and the official files stacked, in this order.
_PARTS = ("query", "key", "value", "q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")


def translate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename to ``encoder.*``, ``decoder.*`` and ``head.*``; names of no known dialect stay as they are.

    Tensors of any shape keep their values; only what Hugging Face stores apart (q, k, v; gate, up) is stacked along the
    first axis, and ZoeDepth's constants are left out.
    """
    if is_ours(tensors):
        return tensors
    if any(name.startswith("backbone.embeddings.") for name in tensors):
        return _from_hugging_face(tensors)
    for telltales, prefixes in _DIALECTS:
        if any(name.startswith(telltales) for name in tensors):
            kept = {name: value for name, value in tensors.items() if not name.endswith(_DERIVED)}
            return {_with_prefix(name, prefixes): value for name, value in kept.items()}
    return tensors


def is_ours(tensors: dict[str, Tensor]) -> bool:
    """True where every tensor, of any shape, has a name of ours and at least one of them is the encoder's."""
    return all(name.startswith(_OURS) for name in tensors) and any(name.startswith(ENCODER) for name in tensors)


def _with_prefix(name: str, prefixes: tuple[tuple[str, str], ...]) -> str:
    foreign, ours = next((pair for pair in prefixes if name.startswith(pair[0])), ("", ""))
    return ours + name.removeprefix(foreign)


def _from_hugging_face(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {_hugging_face_name(name): value for name, value in tensors.items()}
    whole: dict[str, Tensor] = {}
    parts: dict[str, dict[int, Tensor]] = {}
    for name, value in renamed.items():
        owner, _, rest = name.rpartition(".")
        stem, _, part = owner.rpartition(".")
        if part in _PARTS:
            parts.setdefault(f"{stem}.{rest}", {})[_PARTS.index(part)] = value
        else:
            whole[name] = value
    return whole | {name: torch.cat([pieces[order] for order in sorted(pieces)]) for name, pieces in parts.items()}


def _hugging_face_name(name: str) -> str:
    level = re.match(r"neck\.convs\.(\d)\.(.*)", name)
    if level:
        return f"decoder.scratch.layer{int(level[1]) + 1}_rn.{level[2]}"
    unit = re.match(_HF_UNIT, name)
    if unit:  # coarse to fine there, refinenet4 to refinenet1 here
        name = re.sub(_HF_UNIT, f"neck.fusion_stage.layers.{4 - int(unit[1])}.", name)
    for pattern, ours in _HF_NAMES:
        if re.match(pattern, name):
            return re.sub(pattern, ours, name, count=1)
    return name
