# SPDX-License-Identifier: Apache-2.0
"""Tensors of a timm checkpoint enter, the same under the names of a ``timm:`` encoder of ours leave."""

from __future__ import annotations

from torch import Tensor

from leadline.models.name_rules import renamed
from leadline.models.official_names import ENCODER

_BACKBONE = ENCODER + "backbone."


def from_timm(tensors: dict[str, Tensor], own: list[str]) -> dict[str, Tensor]:
    """Each tensor, of any shape, under the encoder's name for it; names the encoder lacks stay as they are.

    Args:
        tensors: by the names of timm's whole model, classifier included.
        own: names of the model to fill; timm joins the stages of a backbone that hands out maps with "_" for ".", and some
            backbones stand behind "model.".

    Raises:
        WeightsError: two names become one.
    """
    wanted = {
        _plain(name.removeprefix(_BACKBONE).removeprefix("model.")): name for name in own if name.startswith(_BACKBONE)
    }
    return renamed(tensors, lambda name: wanted.get(_plain(name), name))


def _plain(name: str) -> str:
    return name.replace("_", ".")
