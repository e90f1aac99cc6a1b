# SPDX-License-Identifier: Apache-2.0
"""A fresh network and a checkpoint's path enter; the network with all that fitted, and a report of it, leave."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from leadline.contracts.errors import UsageError
from leadline.models.head_config import RelativeHeadConfig
from leadline.models.load_report import LoadReport
from leadline.models.weights import initialise_from

if TYPE_CHECKING:
    from leadline.models.depth_model import DepthModel

logger = logging.getLogger(__name__)

Version = Literal["auto", "v1", "v2"]
Part = Literal["encoder", "all"]
_ENCODER = "encoder."
_ALIVE = 1.0  # far above what a random read-out varies by, about 0.1


def give_first_weights(
    model: DepthModel, checkpoint: str, version: Version, *, unfreeze: str, part: Part = "all"
) -> LoadReport | None:
    """Fill ``model`` from ``checkpoint``; an empty name leaves it random, which is said, and None is returned.

    Args:
        model: changed in place.
        checkpoint, version: as ``--pretrained-checkpoint`` and ``--pretrained-version`` say.
        unfreeze: the flag that would let a frozen encoder learn, for the remedy.
        part: "encoder" leaves all else random, whatever the checkpoint holds; a random disparity is woken, see ``wake``.

    Raises:
        WeightsError: see ``leadline.models.weights.initialise_from``.
        UsageError: no checkpoint for a frozen encoder.
    """
    if checkpoint:
        others = {name: value.clone() for name, value in model.state_dict().items() if not name.startswith(_ENCODER)}
        report = initialise_from(model, Path(checkpoint), version=None if version == "auto" else version)
        logger.info("%s", report)
        if part == "encoder":
            model.load_state_dict(others, strict=False)
            logger.info("of these only the encoder's are kept; all else is random")
        if part == "encoder" or model.logit_bias in report.missing:
            wake(model)
        return report
    if model.encoder_frozen:
        raise UsageError(
            expected=f"--pretrained-checkpoint, or {unfreeze}",
            got="a frozen encoder with random weights, which can learn nothing",
            remedy="give the weights of the encoder, or train it too",
        )
    logger.warning("no --pretrained-checkpoint: training starts from random weights")
    wake(model)
    return None


def wake(model: DepthModel) -> None:
    """Lift a random disparity off the ReLU behind it: drawn below 0 everywhere, it would stay 0 for ever, without gradient.

    The affine-invariant losses do not see the lift.  Models without that ReLU stay as they are.
    """
    if isinstance(model.config.head, RelativeHeadConfig):
        with torch.no_grad():
            model.get_parameter(model.logit_bias).fill_(_ALIVE)
