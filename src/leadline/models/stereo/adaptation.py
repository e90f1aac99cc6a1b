# SPDX-License-Identifier: Apache-2.0
"""A pyramid and two policies enter; it leaves with only those numbers trainable that its stage may move.

The base weights keep their names and their parameters when low-rank additions stand beside them: a weights file fits before
and after, and an optimiser may hold them throughout.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import TYPE_CHECKING, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.contracts.errors import UsageError
from leadline.models.stereo.adaptation_config import AdaptationConfig, Projection

if TYPE_CHECKING:
    from leadline.models.stereo.pyramid import FeaturePyramid

_PROJECTIONS: tuple[str, ...] = get_args(Projection)
_LORA = "lora_"


class AdaptedProjection(nn.Linear):
    """The fused query, key and value of an attention, with a low-rank addition to some of the three.

    (...,D) -> (...,3D): W x + b + (alpha / rank) U_t (V_t x) for each target t; the additions start at zero.

    Args:
        base: its weight and bias become this module's own.
        policy: of kind "lora".
    """

    def __init__(self, base: nn.Linear, policy: AdaptationConfig) -> None:
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        self.policy = policy
        width, targets = base.out_features // len(_PROJECTIONS), len(policy.targets)
        self.lora_down = nn.Parameter(base.weight.new_empty(targets, policy.rank, base.in_features))
        self.lora_up = nn.Parameter(base.weight.new_zeros(targets, width, policy.rank))
        for down in self.lora_down:
            nn.init.kaiming_uniform_(down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(...,D) -> (...,3D), no unit."""
        base = super().forward(x)
        narrow = F.linear(x, self.lora_down.flatten(0, 1)).chunk(len(self.policy.targets), dim=-1)
        added = dict(zip(self.policy.targets, map(F.linear, narrow, self.lora_up), strict=True))
        zeros = base.new_zeros(()).expand(*base.shape[:-1], base.shape[-1] // len(_PROJECTIONS))
        return base + self._scale * torch.cat([added.get(name, zeros) for name in _PROJECTIONS], dim=-1)  # type: ignore[call-overload]

    def merged_weight(self) -> Tensor:
        """(3D,D), no unit: the weight of the plain projection that does the same."""
        delta = torch.zeros_like(self.weight).view(len(_PROJECTIONS), -1, self.in_features)
        for target, up, down in zip(self.policy.targets, self.lora_up, self.lora_down, strict=True):
            delta[_PROJECTIONS.index(target)] = self._scale * (up @ down)
        return (self.weight + delta.view_as(self.weight)).detach()

    @property
    def _scale(self) -> float:
        return self.policy.alpha / self.policy.rank


def apply_policy(pyramid: FeaturePyramid, *, backbone: AdaptationConfig, neck: AdaptationConfig) -> None:
    """Let move what the policies name, and nothing else, in place; may be called again for the next stage.

    Low-rank additions stay in force under every later policy: frozen they are fixed too, and "full" trains them beside the
    rest.  Parameters no forward pass reads are never trained.

    Raises:
        UsageError: "lora" where there is no attention (ResNet, any neck), or beside additions of another shape.
    """
    if neck.kind == "lora":
        raise _refused("the neck", "its convolutions")
    if backbone.kind == "lora":
        _adapt(pyramid, backbone)
    for part, policy in (("backbone", backbone), ("neck", neck)):
        for name, parameter in pyramid.get_submodule(part).named_parameters(prefix=part):
            wanted = policy.kind == "full" or (policy.kind == "lora" and _LORA in name)
            parameter.requires_grad_(wanted and name not in pyramid.idle)
    pyramid.frozen = frozenset(part for part, policy in (("backbone", backbone), ("neck", neck)) if policy.kind == "frozen")
    pyramid.train(pyramid.training)


def merge_adapters(network: nn.Module) -> int:
    """Work every low-rank addition below ``network`` into its projection, in place; returns how many there were.

    What the network computes stays the same, but for rounding.
    """
    adapted = [(name, one) for name, one in network.named_modules() if isinstance(one, AdaptedProjection)]
    for name, one in adapted:
        plain = nn.Linear(one.in_features, one.out_features, bias=one.bias is not None, device="meta")
        plain.weight, plain.bias = one.weight, one.bias
        with torch.no_grad():
            plain.weight.copy_(one.merged_weight())
        network.set_submodule(name, plain)
    return len(adapted)


def merged_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The state ``network`` would have after ``merge_adapters``, tensors of any shape; the network stays as it is."""
    tensors = {name: one for name, one in network.state_dict().items() if not name.rpartition(".")[2].startswith(_LORA)}
    for name, one in network.named_modules():
        if isinstance(one, AdaptedProjection):
            tensors[f"{name}.weight" if name else "weight"] = one.merged_weight()
    return tensors


def _adapt(pyramid: FeaturePyramid, policy: AdaptationConfig) -> None:
    projections = [
        (name, one)
        for name, one in pyramid.backbone.named_modules()
        if name.rpartition(".")[2] == "qkv" and isinstance(one, nn.Linear)
    ]
    if not projections:
        raise _refused(f"encoder {pyramid.config.encoder}", "its convolutions")
    for name, one in projections:
        if not isinstance(one, AdaptedProjection):
            pyramid.backbone.set_submodule(name, AdaptedProjection(one, policy))
        elif one.policy != policy:
            raise UsageError(
                expected=f"LoRA as it already stands there, (rank, alpha, targets) = {astuple(one.policy)[1:]}",
                got=str(astuple(policy)[1:]),
                remedy="keep it the same in every stage, or merge it first",
            )


def _refused(owner: str, layers: str) -> UsageError:
    return UsageError(
        expected=f"policy frozen or full for {owner}",
        got=f"lora, which {layers} have no attention for",
        remedy="choose frozen or full there, or a DINOv2 or Swin encoder for LoRA in the backbone",
    )
