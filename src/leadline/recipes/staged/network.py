# SPDX-License-Identifier: Apache-2.0
"""A chain's flags enter; the encoder that the student began as, and what stands for its teacher, leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.models.depth_model import DepthModel
from leadline.models.weights import load_model
from leadline.recipes.staged.alignment import OnLabel, OnPicture
from leadline.recipes.staged.words import TeachersWords
from leadline.recipes.supervised.first_weights import give_first_weights
from leadline.recipes.supervised.network import disparity_network

if TYPE_CHECKING:
    from leadline.models.encoder import Encoder
    from leadline.recipes.staged.alignment import Target
    from leadline.recipes.staged.config import StagedConfig


def begin(config: StagedConfig, model: DepthModel) -> None:
    """Give a student its first weights: the encoder's, or all that fits, as ``config.init`` says.

    Raises:
        WeightsError, UsageError: see ``give_first_weights``.
    """
    give_first_weights(
        model, config.pretrained_checkpoint, config.pretrained_version, unfreeze="--train-encoder", part=config.init
    )


def require_beginning(config: StagedConfig) -> None:
    """Refuse to draw a student's features to a beginning of random weights.

    Raises:
        UsageError: there is no ``--pretrained-checkpoint``.
    """
    drawn = config.feature_weight > 0 and config.feature_target in {"dino-rgb", "dino-on-depth"}
    if drawn and not config.pretrained_checkpoint:
        raise UsageError(
            expected="--pretrained-checkpoint for a student whose features are drawn to its beginning",
            got="a random beginning",
            remedy="give the encoder's weights, or say --feature-target none",
        )


def first_encoder(config: StagedConfig) -> Encoder:
    """The encoder as the student's began, to be frozen.

    Raises:
        UsageError: see ``require_beginning``.
    """
    require_beginning(config)
    model = DepthModel(disparity_network(config))
    begin(config, model)
    return model.encoder


def encoder_target(config: StagedConfig) -> Target | None:
    """What features are drawn to where that is the student's own beginning; None for nothing.

    Raises:
        UsageError: see ``first_encoder``.
    """
    if config.feature_target == "dino-rgb":
        return OnPicture(first_encoder(config))
    return OnLabel(first_encoder(config)) if config.feature_target == "dino-on-depth" else None


def teachers_words(config: StagedConfig, teacher: str) -> TeachersWords:
    """Whatever stands for the teacher in a step.

    Raises:
        WeightsError: there is no such teacher.
        UsageError: it says something else than relative disparity.
    """
    if config.teacher_mode == "cached":
        return TeachersWords(None)
    model = load_model(teacher)
    require_disparity(model.kind, teacher)
    return TeachersWords(model)


def require_disparity(kind: DepthKind, teacher: str) -> None:
    """Refuse a teacher of another claim.

    Raises:
        ContractError: metres, or whatever else is no relative disparity.
    """
    if kind is not DepthKind.AFFINE_DISPARITY:
        raise ContractError(
            expected="a teacher that says relative disparity",
            got=f"{teacher}, which says {kind.value}",
            remedy="choose a relative model (leadline list models)",
        )
