# SPDX-License-Identifier: Apache-2.0
"""Names of the official files (Depth Anything, DINOv2 hub, ZoeDepth, MiDaS) enter and ours leave, and the way back."""

from __future__ import annotations

from leadline.models.config import DepthModelConfig
from leadline.models.head_config import MetricBinsHeadConfig, RoutedBinsHeadConfig
from leadline.models.name_rules import NameRules, renamer, turned

ENCODER, DECODER, HEAD = "encoder.", "decoder.", "head."
_ZOE_CORE = "core.core."

_DEPTH_ANYTHING: NameRules = (("pretrained", "encoder"), ("depth_head", "decoder"))
_DINOV2_HUB: NameRules = tuple((name, f"encoder.{name}") for name in ("blocks", "cls_token", "pos_embed", "mask_token"))
_DINOV2_HUB += tuple((name, f"encoder.{name}") for name in ("patch_embed", "norm", "register_tokens"))
# MiDaS keeps the reassembly beside the backbone, numbered as in an nn.Sequential whose steps 1 and 2 have no weights.
_LEVELS = range(4)
_MIDAS: NameRules = (
    ("pretrained.model", "encoder"),
    *((f"pretrained.act_postprocess{n + 1}.0.project", f"decoder.readout_projects.{n}") for n in _LEVELS),
    *((f"pretrained.act_postprocess{n + 1}.3", f"decoder.projects.{n}") for n in _LEVELS),
    *((f"pretrained.act_postprocess{n + 1}.4", f"decoder.resize_layers.{n}") for n in _LEVELS),
    ("scratch.output_conv.0", "decoder.scratch.output_conv1"),
    ("scratch.output_conv.2", "decoder.scratch.output_conv2.0"),
    ("scratch.output_conv.4", "decoder.scratch.output_conv2.2"),
    ("scratch", "decoder.scratch"),
)
# In the files and in no forward pass: counters that are computed, and the classifier BEiT was fine-tuned with.
_IDLE = ("log_binomial_transform.k_idx", "log_binomial_transform.K_minus_1", ".attn.relative_position_index")
_IDLE_CLASSIFIER = tuple(f"pretrained.model.{name}" for name in ("fc_norm.", "head."))


def from_official(names: list[str]) -> dict[str, str] | None:
    """Our name for each official one that a model has a use for; None where the names are in none of these dialects.

    Names a dialect does not know stay as they are.

    >>> from_official(["pretrained.cls_token", "depth_head.projects.0.bias"])
    {'pretrained.cls_token': 'encoder.cls_token', 'depth_head.projects.0.bias': 'decoder.projects.0.bias'}
    """
    core = _ZOE_CORE if any(name.startswith(_ZOE_CORE) for name in names) else ""
    rules = _dialect([name.removeprefix(core) for name in names])
    if rules is None:
        return None
    rename = renamer(rules)
    ours = {}
    for name in names:
        bare = name.removeprefix(core)
        if name.endswith(_IDLE) or (rules is _MIDAS and bare.startswith(_IDLE_CLASSIFIER)):
            continue
        in_core = not core or name.startswith(core)
        ours[name] = (rename(bare) or name) if in_core else HEAD + name
    return ours


def to_official(config: DepthModelConfig, names: list[str]) -> dict[str, str]:
    """The official name for each of ours.

    A model with metric bins is written as ZoeDepth writes it, any other as Depth Anything or MiDaS.

    >>> to_official(DepthModelConfig(), ["encoder.cls_token"])
    {'encoder.cls_token': 'pretrained.cls_token'}
    """
    zoe = isinstance(config.head, MetricBinsHeadConfig | RoutedBinsHeadConfig)
    core = _ZOE_CORE if zoe else ""
    rename = renamer(turned(_MIDAS if config.beit else _DEPTH_ANYTHING))
    return {name: name.removeprefix(HEAD) if name.startswith(HEAD) else core + (rename(name) or name) for name in names}


def _dialect(names: list[str]) -> NameRules | None:
    if any(name.startswith("pretrained.model.") for name in names):
        return _MIDAS
    if any(name.startswith(("pretrained.", "depth_head.")) for name in names):
        return _DEPTH_ANYTHING
    if any(name.startswith("blocks.0.") for name in names):
        return _DINOV2_HUB
    return None
