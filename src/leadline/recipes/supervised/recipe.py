# SPDX-License-Identifier: Apache-2.0
"""What a recipe that learns depth from known depth owes its validation: a batch enters, predictions and their cost leave."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import TYPE_CHECKING

import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.geometry.disparity import inverse_depth
from leadline.training.recipe import ParameterGroup, Recipe, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from leadline.contracts.sample import Batch
    from leadline.losses.pooling import SumAcross
    from leadline.models.depth_model import DepthModel
    from leadline.models.feature_cache import FeatureCache
    from leadline.training.recipe import Progress


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

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """The loss of one batch of the stream "train": (B,3,H,W) pictures with (B,H,W) depth."""
        batch = batches["train"]
        predicted = self.predict(batch)
        return dataclasses.replace(self.loss(predicted, batch, progress.sum_across), predicted=predicted)

    def predict(self, batch: Batch) -> Tensor:
        """(B,3,H,W) pictures of a batch -> (B,H,W) in the kind and unit of ``trained``."""
        return self.depth_of(batch)

    @abstractmethod
    def loss(self, predicted: Tensor, batch: Batch, sum_across: SumAcross) -> StepResult:
        """What (B,H,W) predictions of a batch cost, a scalar; statistics pooled over a batch pass through ``sum_across``."""


def weighted_loss(
    terms: Mapping[str, tuple[float, Callable[..., Tensor]]],
    apply: Callable[[Callable[..., Tensor]], Tensor],
    weight: Tensor,
) -> StepResult:
    """The weighted sum of loss terms; those of weight 0 are not computed.

    Args:
        terms: name -> (weight, function).
        apply: gives a term's function what it needs; its answer is a scalar.
        weight: () how much the batch counts beside others of one update: as many as the terms are means over, which is
            its valid pixels, or ``known_pictures`` where each picture has a mean of its own.

    Returns:
        The sum, and the raw terms as ``parts``.
    """
    used = {name: pair for name, pair in terms.items() if pair[0] > 0}
    parts = {name: apply(term) for name, (_, term) in used.items()}
    total = torch.stack([used[name][0] * value for name, value in parts.items()]).sum()
    return StepResult(loss=total, parts=parts, weight=weight.float())


def known_pictures(valid: Tensor) -> Tensor:
    """How many pictures have a valid pixel: (B,H,W) bool -> ().

    >>> known_pictures(torch.tensor([[[True, True]], [[False, True]], [[False, False]]])).item()
    2
    """
    return valid.flatten(1).any(dim=1).sum()


def learning_groups(parts: Mapping[str, tuple[nn.Module, float]]) -> list[ParameterGroup]:
    """Name -> (module, learning-rate factor) as parameter groups: what is frozen is in none, and no group is empty."""
    groups = [
        ParameterGroup(name=name, parameters=[one for one in module.parameters() if one.requires_grad], lr_factor=factor)
        for name, (module, factor) in parts.items()
    ]
    return [group for group in groups if group.parameters]


def disparity_truth(batch: Batch) -> tuple[Tensor, Tensor]:
    """(B,H,W) disparity, of metres 1 / z in 1/m, else as the data has it, and the (B,H,W) mask of pixels that count.

    Raises:
        ContractError: the batch has no depth, or depth of a kind that has no disparity.
    """
    values, valid = truth(batch)
    if batch.kind is DepthKind.AFFINE_DISPARITY:
        return values, valid
    if batch.kind is not DepthKind.METRIC:
        raise ContractError(
            expected="depth in metres, or disparity, to learn disparity from",
            got=f"{batch.kind.value} in {batch.datasets[0]}",
            remedy="leave that dataset out, or declare what it holds",
        )
    return inverse_depth(values), valid


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
