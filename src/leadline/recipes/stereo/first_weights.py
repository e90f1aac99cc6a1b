# SPDX-License-Identifier: Apache-2.0
"""A fresh stereo network and what the flags name enter; the network with all that fits of it leaves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import UsageError
from leadline.models.stereo.checkpoint import holds_stereo, load_stereo_model
from leadline.models.stereo.pyramid_weights import load_pyramid

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.models.stereo.sigmoid_model import SigmoidModel
    from leadline.models.stereo.stereo_model import StereoModel
    from leadline.recipes.stereo.config import StereoConfig

logger = logging.getLogger(__name__)
_SHOWN = 3


def give_first_weights(config: StereoConfig, model: StereoModel | SigmoidModel) -> None:
    """Fill the encoder from ``--pretrained-checkpoint``, and the decoder too where that is a stereo network.

    Without a checkpoint all is random, which is said.

    Raises:
        WeightsError: see ``load_pyramid`` and ``load_stereo_model``.
        UsageError: no weights for a trunk that does not learn.
    """
    checkpoint = config.pretrained_checkpoint
    if checkpoint:
        load_pyramid(model.pyramid, checkpoint, least_share=config.pretrained_least_share, strict=config.pretrained_strict)
        if config.init == "all" and holds_stereo(checkpoint):
            _give_decoder(model, load_stereo_model(checkpoint), checkpoint)
        return
    if config.backbone != "full":
        raise UsageError(
            expected="--pretrained-checkpoint, or --backbone full",
            got=f"--backbone {config.backbone} with random weights, which can learn nothing",
            remedy="give the weights of the encoder, or train it too",
        )
    logger.warning("no --pretrained-checkpoint: training starts from random weights")


def _as_loud(
    tensors: dict[str, Tensor], given: StereoModel | SigmoidModel, own: StereoModel | SigmoidModel
) -> dict[str, Tensor]:
    """Tensors of a decoder (any shapes) in which the shares of disparity levels count as much as where they came from."""
    if given.config.parity == own.config.parity:
        return tensors
    levels = given.config.levels
    factor = 1 / levels if given.config.parity else float(levels)
    scaled = dict(tensors)
    for name, weight in tensors.items():
        if name.startswith("matching.") and name.endswith("fuse.0.weight"):
            scaled[name] = torch.cat((weight[:, :-levels], factor * weight[:, -levels:]), dim=1)
    return scaled


def _give_decoder(model: StereoModel | SigmoidModel, other: StereoModel | SigmoidModel, checkpoint: str) -> None:
    """Every tensor of another network's decoder that has a counterpart of its shape."""
    own, given = model.decoder.state_dict(), _as_loud(other.decoder.state_dict(), other, model)
    fitting = {name: one for name, one in given.items() if name in own and own[name].shape == one.shape}
    model.decoder.load_state_dict(fitting, strict=False)
    random = sorted(own.keys() - fitting.keys())
    left = f", {len(random)} stay random ({', '.join(random[:_SHOWN])}{', ...' if len(random) > _SHOWN else ''})"
    logger.info("%s: %d/%d tensors of the decoder loaded%s", checkpoint, len(fitting), len(own), left if random else "")
