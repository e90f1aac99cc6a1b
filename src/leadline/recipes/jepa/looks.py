# SPDX-License-Identifier: Apache-2.0
"""Views and a network enter; what the network makes of them, each size in one pass, leaves as looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch, Views, ViewStack
from leadline.losses.dense_invariance import dense_invariance
from leadline.models.features import Features

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.losses.pooling import SumAcross
    from leadline.models.depth_model import DepthModel
    from leadline.models.projector import Projector


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One pass of the encoder over V views of one size of B pictures, view by view.

    Attributes:
        stack: the views.
        features: of V * B images.
        embeddings: (V,B,D) what LeJEPA judges, no unit; None without a projector.
        learning: how many of the views learn depth; they are the first.
    """

    stack: ViewStack
    features: Features
    embeddings: Tensor | None
    learning: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the views in pixels."""
        height, width = self.stack.image.shape[-2:]
        return height, width

    def features_of(self, views: int) -> Features:
        """Those of the first ``views`` views of all pictures."""
        count = views * self.stack.image.shape[1]
        return Features(
            maps=tuple(one[:count] for one in self.features.maps),
            strides=self.features.strides,
            prefix=tuple(one[:count] for one in self.features.prefix),
        )

    def truth(self) -> tuple[Tensor, Tensor]:
        """Metres and mask (learning*B,H,W) of the views that learn depth.

        Raises:
            ContractError: the views have no depth.
        """
        depth, valid = self.stack.depth, self.stack.valid
        if depth is None or valid is None:
            raise ContractError(
                expected="views with depth",
                got="views without",
                remedy="use datasets that provide DEPTH, or learn from pictures alone with --depth-weight 0",
            )
        return depth[: self.learning].flatten(0, 1), valid[: self.learning].flatten(0, 1)


def views_of(batch: Batch) -> Views:
    """The batch's views; a batch of whole pictures is one global view of each."""
    if batch.views is not None:
        return batch.views
    places = torch.tensor([[1.0, 0.0], [1.0, 0.0]], device=batch.image.device).expand(1, len(batch.keys), 2, 2)
    camera = None if batch.camera is None else type(batch.camera)(matrix=batch.camera.matrix[None])
    stack = ViewStack(
        image=batch.image[None],
        to_source=places,
        depth=None if batch.depth is None else batch.depth[None],
        valid=None if batch.valid is None else batch.valid[None],
        camera=camera,
    )
    return Views(stacks=(stack,), n_global=1)


def look_at(stack: ViewStack, learning: int, *, model: DepthModel, projector: Projector | None) -> Look:
    """The views of a stack, (V,B,3,H,W) RGB in [0, 1], in one pass; without a projector only those that learn depth."""
    images = stack.image[:learning] if projector is None else stack.image
    features = model.encode(model.normalisation.apply(images.flatten(0, 1)))
    embeddings = None if projector is None else projector(model.embed(features)).unflatten(0, images.shape[:2])
    return Look(stack=stack, features=features, embeddings=embeddings, learning=learning)


def patches_agree(look: Look, views: int, *, projector: Projector, sum_across: SumAcross) -> Tensor:
    """How far projected patches of the first ``views`` views differ at the same places: (), no unit."""
    B = look.stack.image.shape[1]
    map_NChw = look.features_of(views).maps[-1]
    tokens = projector(map_NChw.permute(0, 2, 3, 1).flatten(0, 2)).unflatten(0, (views, B, *map_NChw.shape[2:]))
    places = look.stack.to_source[:views]
    return dense_invariance(tokens.permute(0, 1, 4, 2, 3), places, size=look.size, sum_across=sum_across)
