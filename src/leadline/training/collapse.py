# SPDX-License-Identifier: Apache-2.0
"""The signs of a network that says the same everywhere: predictions of a step enter, two shares between 0 and 1 leave.

Both are means on the device, so they travel with the parts of the loss, over batches, ranks and the updates of an epoch,
without a wait of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

CONSTANT, DEAD = "Alarm/Constant", "Alarm/Dead"
SIGNS = (CONSTANT, DEAD)

FLAT = 1e-4
"""A picture is flat where values leave their mean by less than this share of their size; a plain wall reaches about 0.01."""
MOST = {CONSTANT: 0.5, DEAD: 0.9}
"""From these means on a person is told; a sky, whose disparity is 0 by right, may well fill two thirds of a picture."""
ENOUGH = 20
"""Updates of an epoch before its mean says something: a new head may begin flat."""
_SIDE = 64  # rows and columns that are looked at, about


def collapse_signs(predicted: Tensor) -> dict[str, Tensor]:
    """How far (B,H,W) predictions of any kind and unit have collapsed, looked at in about 64 x 64 places of each.

    Returns:
        ``Alarm/Constant``: () the share of pictures whose prediction is one number (mean absolute deviation near 0), and
        ``Alarm/Dead``: () the share of values that are exactly 0, as behind a ReLU without gradient; float32.

    >>> import torch
    >>> {name: share.item() for name, share in collapse_signs(torch.zeros(2, 8, 8)).items()}
    {'Alarm/Constant': 1.0, 'Alarm/Dead': 1.0}
    """
    H, W = predicted.shape[-2:]
    seen = predicted.detach()[:, :: max(1, H // _SIDE), :: max(1, W // _SIDE)].float().flatten(1)
    deviation = (seen - seen.mean(1, keepdim=True)).abs().mean(1)
    return {CONSTANT: (deviation <= FLAT * seen.abs().mean(1)).float().mean(), DEAD: (seen == 0).float().mean()}


def collapse_warning(means: Mapping[str, float]) -> str:
    """One line about the signs among an epoch's ``means`` so far that a person should know of; empty without any."""
    told = {
        CONSTANT: "{:.0%} of the pictures are given one and the same depth everywhere",
        DEAD: "{:.0%} of the predicted values are exactly 0, which no gradient moves behind a ReLU",
    }
    found = [told[name].format(means[name]) for name in SIGNS if means.get(name, 0.0) >= MOST[name]]
    remedy = "lower --lr, warm up (--warmup-steps), or look at the data with `leadline data preview`"
    return f"the network has collapsed: {'; '.join(found)}; {remedy}" if found else ""
