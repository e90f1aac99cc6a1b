# SPDX-License-Identifier: Apache-2.0
"""What a recipe that learns depth from known depth owes its validation: a batch enters, predictions and their cost leave."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from leadline.contracts.errors import ContractError
from leadline.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.losses.pooling import SumAcross
    from leadline.models.depth_model import DepthModel
    from leadline.models.feature_cache import FeatureCache
    from leadline.training.recipe import StepResult


class SupervisedRecipe(Recipe):
    """A recipe whose network is trained, or watched, on batches with depth.

    Attributes:
        trained: the network; its kind says what ``predict`` claims.
        cache: what the frozen encoder said before; None computes it each time.
    """

    trained: DepthModel
    cache: FeatureCache | None = None

    def depth_of(self, batch: Batch) -> Tensor:
        """(B,3,H,W) pictures of a batch -> (B,H,W), what the network says of them; see ``predict``."""
        image = self.trained.normalisation.apply(batch.image)
        if self.cache is None:
            depth: Tensor = self.trained(image)
            return depth
        H, W = image.shape[-2:]
        return self.trained.decode(self.cache(image), (H, W))

    @abstractmethod
    def predict(self, batch: Batch) -> Tensor:
        """(B,3,H,W) pictures of a batch -> (B,H,W) in the kind and unit of ``trained``."""

    @abstractmethod
    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:
        """What (B,H,W) predictions of a batch cost, a scalar; statistics pooled over a batch pass through ``sum_across``."""


def truth(batch: Batch) -> tuple[Tensor, Tensor]:
    """(B,H,W) depth in the batch's kind and the (B,H,W) mask of pixels that count.

    Raises:
        ContractError: the batch has no depth.
    """
    if batch.depth is None or batch.valid is None:
        raise ContractError(
            expected="batches with depth", got=f"none in {batch.keys[0]}", remedy="use datasets that provide DEPTH"
        )
    return batch.depth, batch.valid
