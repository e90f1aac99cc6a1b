# SPDX-License-Identifier: Apache-2.0
"""A picture, its reconstruction and the weights of VGG-19 enter, how much their features differ leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from leadline.contracts.errors import WeightsError
from leadline.losses.photometric import checked_pair
from leadline.losses.pooling import check_choice

PictureNorm = Literal["imagenet", "none"]
"""How pictures in [0,1] reach VGG: as it was trained, or as they are (TiO-Depth)."""

TAPS = (4, 9, 18)  # the first three max-pools of ``torchvision.models.vgg19().features``
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PerceptualDifference(nn.Module):
    """Squared differences of VGG-19's features after its first three pools   (FAL-Net; TiO-Depth, stage 1).

    The network is frozen: it gets no gradient and stays in evaluation mode.

    Args:
        weights: tensors by torchvision's names (``features.0.weight``, ...); a classifier among them is left alone.
        norm: how pictures reach the network.

    Raises:
        WeightsError: a tensor is missing or of another shape.
        ContractError: another word for ``norm``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Mapping[str, Tensor], *, norm: PictureNorm = "imagenet") -> None:
        super().__init__()
        check_choice("norm", norm, get_args(PictureNorm))
        self.norm: PictureNorm = norm
        self.features = _vgg19_features(weights)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def train(self, mode: bool = True) -> PerceptualDifference:  # noqa: ARG002, FBT001, FBT002
        """Evaluation mode, whatever is asked for."""
        return super().train(mode=False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Mean squared difference at each of the three pools, with a gradient for ``image`` only.

        Args:
            image: (B,3,H,W) RGB in [0,1], H and W at least 8: the reconstruction.
            target: (B,3,H,W) RGB in [0,1].

        Returns:
            (3,) float32 without unit, fine to coarse (64 channels at 1/2, 128 at 1/4, 256 at 1/8).

        Raises:
            ContractError: shapes that differ.
        """
        image, target = checked_pair(image, target)
        with torch.autocast(image.device.type, enabled=False):
            with torch.no_grad():
                wanted = self.taps(target.float())
            found = self.taps(image.float())
            return torch.stack([(one - other).square().mean() for one, other in zip(found, wanted, strict=True)])

    def taps(self, image: Tensor) -> list[Tensor]:
        """(B,3,H,W) RGB in [0,1] -> (B,64,H/2,W/2), (B,128,H/4,W/4), (B,256,H/8,W/8), sizes rounded down."""
        features = (image - self.mean) / self.std if self.norm == "imagenet" else image
        taps = []
        for i, layer in enumerate(self.features):
            features = layer(features)
            if i in TAPS:
                taps.append(features)
        return taps


def _vgg19_features(weights: Mapping[str, Tensor]) -> nn.Sequential:
    from torchvision.models import vgg19

    with torch.device("meta"):
        features = nn.Sequential(*list(vgg19(weights=None).features)[: TAPS[-1] + 1])
    found = {}
    for name, wanted in features.state_dict().items():
        given = weights.get(f"features.{name}")
        if given is None or given.shape != wanted.shape:
            raise WeightsError(
                expected=f"torchvision's VGG-19, with features.{name} of shape {tuple(wanted.shape)}",
                got="no such tensor" if given is None else f"shape {tuple(given.shape)}",
                remedy="give a file of torchvision.models.vgg19, or leave the perceptual term out",
            )
        found[name] = given.float()
    features.load_state_dict(found, assign=True)
    return features.requires_grad_(requires_grad=False).eval()
