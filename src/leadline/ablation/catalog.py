# SPDX-License-Identifier: Apache-2.0
"""Every ablation by name, with what it asks."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.ablation.depth_anything import VARIANTS
from leadline.ablation.variant import Variant


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """One table.

    Attributes:
        summary: one line for help.
        variants: its lines, in order.
    """

    summary: str
    variants: tuple[Variant, ...]


ABLATIONS: dict[str, Ablation] = {
    "depth-anything": Ablation(
        summary="parts of Depth Anything V1 and V2: losses, perturbation, features, CutMix, masking, size",
        variants=VARIANTS,
    ),
}
