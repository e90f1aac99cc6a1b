# SPDX-License-Identifier: Apache-2.0
"""Tensors of a JEPA-depth reference checkpoint enter, the same under our names leave; what is none of its names is refused.

The reference wrote its decoder's stages as up1 to up4, later as net.0 to net.{k-1}; the backbone has timm's names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leadline.contracts.errors import WeightsError
from leadline.models.name_rules import renamed, renamer
from leadline.models.official_names import DECODER, ENCODER

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

BACKBONE, STAGES, PROJECTOR = ENCODER + "backbone.", DECODER + "net.", "projector."
_LEGACY = re.compile(r"decoder\.up(\d+)(?=\.)")
_DOUBLING = re.compile(r"decoder\.(up|net\.)\d+\.0\.weight")
_KERNEL_PX = (4, 4)
# What torch.compile and DistributedDataParallel put before the names of the module they wrap, be it the whole or a part.
_WRAPPERS = frozenset({"_orig_mod", "module"})
_rename = renamer(
    (
        ("backbone", "encoder.backbone"),
        ("encoder.backbone", "encoder.backbone"),
        ("encoder", "encoder.backbone"),
        ("decoder.net.{i}", "decoder.net.{i}"),
        ("decoder.head", "decoder.head"),
        ("proj", "projector.net"),
        ("projector.net", "projector.net"),
        ("projector", "projector.net"),
    )
)
_SHOWN = 3


def is_jepa_checkpoint(tensors: dict[str, Tensor]) -> bool:
    """True where a decoder's stages are transposed convolutions of 4 x 4 pixels, which no other layout we know has."""
    return any(_DOUBLING.fullmatch(_bare(name)) and tuple(value.shape[2:]) == _KERNEL_PX for name, value in tensors.items())


def spelling(tensors: dict[str, Tensor]) -> str:
    """How the stages are written: "up1 ..." or "net.0 ..."; tensors of any shape."""
    return "up1 ..." if any(_LEGACY.match(_bare(name)) for name in tensors) else "net.0 ..."


def from_jepa(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Each tensor, of any shape, as ``encoder.backbone.*``, ``decoder.net.*``, ``decoder.head.*`` or ``projector.net.*``.

    Raises:
        WeightsError: a name of no part, or two names that become one, as in a file that mixes both spellings.
    """
    strange = [name for name in tensors if _ours(name) is None]
    if strange:
        raise WeightsError(
            expected="a JEPA-depth checkpoint of backbone.* or encoder.*, decoder.up* or decoder.net.*, decoder.head.*, and "
            "proj.* or projector.*",
            got=f"{path} with {len(strange)} other tensors: {', '.join(strange[:_SHOWN])}",
            remedy="rename or remove them in the file",
        )
    return renamed(tensors, lambda name: _ours(name) or name)


def _ours(name: str) -> str | None:
    return _rename(_LEGACY.sub(lambda stage: f"{STAGES}{int(stage[1]) - 1}", _bare(name)))


def _bare(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)
