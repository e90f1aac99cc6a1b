# SPDX-License-Identifier: Apache-2.0
"""Tensors under anybody's names enter (official, DINOv2 hub, ZoeDepth, Hugging Face), the same under ours leave."""

from __future__ import annotations

from torch import Tensor

from leadline.models.hugging_face_names import from_hugging_face, speaks_hugging_face
from leadline.models.name_rules import renamed
from leadline.models.official_names import DECODER, ENCODER, HEAD, from_official

_OURS = (ENCODER, DECODER, HEAD)


def translate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename to ``encoder.*``, ``decoder.*`` and ``head.*``; names of no known dialect stay as they are.

    Tensors of any shape keep their values; only what Hugging Face stores apart (q, k, v; gate, up) is stacked along the
    first axis.  Constants that are computed here, and the classifier in MiDaS's files, are left out.

    Raises:
        WeightsError: two names become one.
    """
    if is_ours(tensors):
        return tensors
    if speaks_hugging_face(list(tensors)):
        return from_hugging_face(tensors)
    ours = from_official(list(tensors))
    if ours is None:
        return tensors
    return renamed({name: tensors[name] for name in ours}, ours.__getitem__)


def is_ours(tensors: dict[str, Tensor]) -> bool:
    """True where every tensor, of any shape, has a name of ours and at least one of them is the encoder's."""
    return all(name.startswith(_OURS) for name in tensors) and any(name.startswith(ENCODER) for name in tensors)
