# SPDX-License-Identifier: Apache-2.0
"""Tensors under Hugging Face names (DepthAnything, ZoeDepth) enter and the same under ours leave, and the way back.

What Hugging Face stores apart (query, key and value; gate and up) is stacked along the first axis here.  Both spellings are
read, that of released files and that of transformers 5 modules; the first is written, which every version loads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from leadline.contracts.errors import WeightsError
from leadline.models.name_rules import NameRules, renamed, renamer, turned

_BLOCK, _LAYER, _LAYER5 = "encoder.blocks.{i}", "backbone.encoder.layer.{i}", "backbone.beit.layers.{i}"
_ROUTER = "head.patch_transformer.transformer_encoder.layers.{i}"
_HF_ROUTER = "metric_head.patch_transformer.transformer_encoder.{i}"
_LEVELS = range(4)

# (theirs, ours); the first spelling of a name of ours is the one that is written.
_SHARED: NameRules = (
    ("backbone.embeddings.position_embeddings", "encoder.pos_embed"),
    ("backbone.embeddings.patch_embeddings.projection", "encoder.patch_embed.proj"),
    ("backbone.embeddings.cls_token", "encoder.cls_token"),
    ("backbone.embeddings.mask_token", "encoder.mask_token"),
    ("backbone.layernorm", "encoder.norm"),
    *((f"neck.convs.{n}", f"decoder.scratch.layer{n + 1}_rn") for n in _LEVELS),
    ("neck.reassemble_stage.readout_projects.{i}", "decoder.readout_projects.{i}"),
    ("neck.reassemble_stage.layers.{i}.projection", "decoder.projects.{i}"),
    ("neck.reassemble_stage.layers.{i}.resize", "decoder.resize_layers.{i}"),
    *((f"neck.fusion_stage.layers.{3 - n}.projection", f"decoder.scratch.refinenet{n + 1}.out_conv") for n in _LEVELS),
    *(
        (
            f"neck.fusion_stage.layers.{3 - n}.residual_layer{unit}.convolution{k}",
            f"decoder.scratch.refinenet{n + 1}.resConfUnit{unit}.conv{k}",
        )
        for n in _LEVELS  # coarse to fine there, refinenet4 to refinenet1 here
        for unit in (1, 2)
        for k in (1, 2)
    ),
)
_READ_OUT = {"conv1": "output_conv1", "conv2": "output_conv2.0", "conv3": "output_conv2.2"}
_DEPTH_HEAD: NameRules = tuple((f"head.{theirs}", f"decoder.scratch.{ours}") for theirs, ours in _READ_OUT.items())
_ZOE_HEAD: NameRules = (
    *((f"relative_head.{theirs}", f"decoder.scratch.{ours}") for theirs, ours in _READ_OUT.items()),
    ("metric_head.mlp_classifier.linear1", "head.mlp_classifier.0"),
    ("metric_head.mlp_classifier.linear2", "head.mlp_classifier.2"),
    *(
        (f"metric_head.{part}.conv{k}", f"head.{part}._net.{2 * k - 2}")
        for part in (
            "seed_bin_regressor",
            "seed_bin_regressors.{d}",
            "seed_projector",
            "projectors.{i}",
            "attractors.{i}",
            "attractors.{d}.{i}",
        )
        for k in (1, 2)
    ),
    (_HF_ROUTER, _ROUTER),
    ("metric_head", "head"),
)
_DINOV2: NameRules = (
    (f"{_LAYER}.attention.output.dense", f"{_BLOCK}.attn.proj"),
    (f"{_LAYER}.attention.o_proj", f"{_BLOCK}.attn.proj"),
    (f"{_LAYER}.layer_scale1.lambda1", f"{_BLOCK}.ls1.gamma"),
    (f"{_LAYER}.layer_scale2.lambda1", f"{_BLOCK}.ls2.gamma"),
    (f"{_LAYER}.mlp.weights_in", f"{_BLOCK}.mlp.w12"),
    (f"{_LAYER}.mlp.weights_out", f"{_BLOCK}.mlp.w3"),
    (f"{_LAYER}.mlp.down_proj", f"{_BLOCK}.mlp.w3"),
)
_BEIT: NameRules = (
    (f"{_LAYER}.attention.attention.query.bias", f"{_BLOCK}.attn.q_bias"),
    (f"{_LAYER}.attention.attention.value.bias", f"{_BLOCK}.attn.v_bias"),
    (
        f"{_LAYER}.attention.attention.relative_position_bias.relative_position_bias_table",
        f"{_BLOCK}.attn.relative_position_bias_table",
    ),
    (f"{_LAYER}.attention.output.dense", f"{_BLOCK}.attn.proj"),
    (f"{_LAYER}.lambda_1", f"{_BLOCK}.gamma_1"),
    (f"{_LAYER}.lambda_2", f"{_BLOCK}.gamma_2"),
    (f"{_LAYER}.layernorm_before", f"{_BLOCK}.norm1"),
    (f"{_LAYER}.layernorm_after", f"{_BLOCK}.norm2"),
    (f"{_LAYER}.intermediate.dense", f"{_BLOCK}.mlp.fc1"),
    (f"{_LAYER}.output.dense", f"{_BLOCK}.mlp.fc2"),
)
_BEIT5: NameRules = (
    ("backbone.beit.embeddings.patch_embeddings.projection", "encoder.patch_embed.proj"),
    ("backbone.beit.embeddings", "encoder"),
    (f"{_LAYER5}.attention.q_proj.bias", f"{_BLOCK}.attn.q_bias"),
    (f"{_LAYER5}.attention.v_proj.bias", f"{_BLOCK}.attn.v_bias"),
    (f"{_LAYER5}.relative_position_bias", f"{_BLOCK}.attn"),
    (f"{_LAYER5}.attention.o_proj", f"{_BLOCK}.attn.proj"),
    (f"{_LAYER5}.lambda_1", f"{_BLOCK}.gamma_1"),
    (f"{_LAYER5}.lambda_2", f"{_BLOCK}.gamma_2"),
    (f"{_LAYER5}.layernorm_before", f"{_BLOCK}.norm1"),
    (f"{_LAYER5}.layernorm_after", f"{_BLOCK}.norm2"),
    (f"{_LAYER5}.mlp", f"{_BLOCK}.mlp"),
)
_REST: NameRules = ((_LAYER, _BLOCK),)
# Parts of one tensor of ours, in the order in which they are stacked.
_MARK = "#"
_QKV, _QKV5 = ("query", "key", "value"), ("q_proj", "k_proj", "v_proj")
_PARTS: NameRules = (
    *((f"{_LAYER}.attention.attention.{part}", f"{_BLOCK}.attn.qkv{_MARK}{k}") for k, part in enumerate(_QKV)),
    *((f"{_LAYER}.attention.{part}", f"{_BLOCK}.attn.qkv{_MARK}{k}") for k, part in enumerate(_QKV5)),
    *((f"{_LAYER5}.attention.{part}", f"{_BLOCK}.attn.qkv{_MARK}{k}") for k, part in enumerate(_QKV5)),
    *(
        (f"{_HF_ROUTER}.self_attn.{part}.{what}", f"{_ROUTER}.self_attn.in_proj_{what}{_MARK}{k}")
        for k, part in enumerate(_QKV)
        for what in ("weight", "bias")
    ),
    *((f"{_LAYER}.mlp.{part}", f"{_BLOCK}.mlp.w12{_MARK}{k}") for k, part in enumerate(("gate_proj", "up_proj"))),
)
_IDLE = (".relative_position_index", ".log_binomial_transform.k_idx", ".log_binomial_transform.k_minus_1")


def speaks_hugging_face(names: list[str]) -> bool:
    """True where the names are those of a Hugging Face depth model, whatever else is among them."""
    return any(name.startswith(("backbone.embeddings.", "backbone.beit.embeddings.")) for name in names)


def from_hugging_face(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our names and stacks; tensors of any shape keep their values, and names that are not known stay as they are.

    Raises:
        WeightsError: two names become one, or parts of one tensor do not fit together.
    """
    rules = _rules(beit=any("relative_position_bias" in name for name in tensors), zoe=any(map(_is_zoe, tensors)))
    rename = renamer((*rules[0], *_PARTS, *rules[1]))
    kept = {name: value for name, value in tensors.items() if not name.endswith(_IDLE)}
    whole: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in renamed(kept, lambda name: rename(name) or name).items():
        stem, mark, rest = name.partition(_MARK)
        if mark and rest[:1].isdigit():
            parts.setdefault(stem + rest[1:], {})[rest[0]] = value
        else:
            whole[name] = value
    return whole | {name: _stacked(name, pieces) for name, pieces in parts.items()}


def to_hugging_face(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names and parts of released Hugging Face files for tensors under our names, of any shape."""
    beit = any("relative_position_bias" in name for name in tensors)
    first, rest = _rules(beit=beit, zoe=any(name.startswith("head.") for name in tensors))
    whole, to_part = renamer(turned(first)), renamer(turned(_PARTS))
    last = renamer(turned(rest))
    theirs: dict[str, Tensor] = {}
    for name, value in tensors.items():
        stacked = next((stem for stem in (".attn.qkv", "in_proj_weight", "in_proj_bias") if stem in name), None)
        if stacked is None:
            theirs[whole(name) or last(name) or name] = value
            continue
        for order, piece in enumerate(value.chunk(3)):
            theirs[to_part(name.replace(stacked, f"{stacked}{_MARK}{order}")) or name] = piece
    return theirs


def _stacked(name: str, pieces: dict[str, Tensor]) -> Tensor:
    try:
        return torch.cat([pieces[order] for order in sorted(pieces)])
    except (RuntimeError, TypeError) as error:
        raise WeightsError(
            expected=f"parts of {name} that fit together",
            got=", ".join(str(tuple(piece.shape)) for piece in pieces.values()),
            remedy="fetch the file again",
        ) from error


def _rules(*, beit: bool, zoe: bool) -> tuple[NameRules, NameRules]:
    """Rules before and after those of parts."""
    first = (*_BEIT, *_SHARED, *_BEIT5) if beit else (*_DINOV2, *_SHARED)
    return first, (*(_ZOE_HEAD if zoe else _DEPTH_HEAD), *_REST)


def _is_zoe(name: str) -> bool:
    return name.startswith(("metric_head.", "relative_head."))
