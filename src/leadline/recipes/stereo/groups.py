# SPDX-License-Identifier: Apache-2.0
"""Parts of a network and factors enter; groups of parameters with a learning rate each leave."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from leadline.training.recipe import ParameterGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

_BLOCK = re.compile(r"blocks\.(\d+)\.")
_LAST = ("norm.",)  # of DINOv2, behind its blocks


def stage_parts(parts: Mapping[str, nn.Module], trains: Mapping[str, float], *, layer_decay: float) -> list[ParameterGroup]:
    """The parts that a stage trains, each at its own factor, without what a policy keeps.

    Args:
        parts: name -> module.
        trains: name -> factor; a factor of 0, or a part that was not built, is left out.
        layer_decay: of a backbone of blocks, each block learns so many times as fast as the next deeper one, and what lies
            before the blocks once more so (BEiT, Bao et al. 2022); 1 trains all alike.
    """
    groups: list[ParameterGroup] = []
    for name, factor in trains.items():
        if name not in parts or factor == 0:
            continue
        if name == "backbone" and layer_decay < 1:
            groups += _by_depth(parts[name], factor, layer_decay)
        else:
            learning = [one for one in parts[name].parameters() if one.requires_grad]
            groups.append(ParameterGroup(name=name, parameters=learning, lr_factor=factor))
    return [group for group in groups if group.parameters]


def _by_depth(backbone: nn.Module, factor: float, decay: float) -> list[ParameterGroup]:
    """A group for each depth: 0 before the blocks, i + 1 for block i, and the deepest for what comes behind them."""
    learning = {name: one for name, one in backbone.named_parameters() if one.requires_grad}
    blocks = [int(found[1]) for name in learning if (found := _BLOCK.match(name))]
    deepest = max(blocks, default=-1) + 1
    by_depth: dict[int, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in learning.items():
        found = _BLOCK.match(name)
        depth = int(found[1]) + 1 if found else deepest if name.startswith(_LAST) else 0
        by_depth[depth].append(parameter)
    return [
        ParameterGroup(name=f"backbone.{depth}", parameters=members, lr_factor=factor * decay ** (deepest - depth))
        for depth, members in sorted(by_depth.items())
    ]
