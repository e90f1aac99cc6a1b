# SPDX-License-Identifier: Apache-2.0
"""Two pictures of one moving camera enter; how it turned and went between them leaves.

The pose network of monodepth2 (Godard et al. 2019, arXiv 1806.01260): a ResNet that sees both pictures stacked to six
channels, and four convolutions whose mean over all places is the motion.
"""

from __future__ import annotations

from typing import NamedTuple

import timm
import torch
from torch import Tensor, nn

from leadline.contracts.errors import ContractError
from leadline.models.normalisation import Normalisation

MOTION_SCALE = 0.01
"""Of the outputs, so that training begins with a camera that hardly moves."""
_WIDTH = 256
_DEEPEST = (4,)  # of timm's ResNet levels: only the last is read
_INPUT = Normalisation(mean=(0.45, 0.45, 0.45), std=(0.225, 0.225, 0.225))


class Motion(NamedTuple):
    """How the camera moved from the first picture to the second.

    Attributes:
        axis_angle_rad: (B,3) axis of the turn, as long as the angle.
        translation: (B,3) right, down, forward; in metres only where something told the network how long a metre is.
    """

    axis_angle_rad: Tensor
    translation: Tensor


class PoseNetwork(nn.Module):
    """Motion between two pictures, to be shown in the order in which they were taken.

    Args:
        encoder: timm name of the ResNet.
        pretrained: fetch timm's ImageNet weights, doubled and halved for two pictures, from the network.
    """

    def __init__(self, encoder: str = "resnet18", *, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = timm.create_model(
            encoder, features_only=True, in_chans=6, out_indices=_DEEPEST, pretrained=pretrained
        )
        width = self.encoder.feature_info.channels()[-1]
        self.head = nn.Sequential(
            nn.Conv2d(width, _WIDTH, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_WIDTH, _WIDTH, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_WIDTH, _WIDTH, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_WIDTH, 6, kernel_size=1),
        )

    def forward(self, *, earlier: Tensor, later: Tensor) -> Motion:
        """Two pictures (B,3,H,W), RGB in [0, 1] -> motion from the camera of ``earlier`` to that of ``later``, float32.

        Raises:
            ContractError: pictures of different sizes.
        """
        if earlier.shape != later.shape:
            raise ContractError(
                expected="two pictures of one size",
                got=f"{tuple(earlier.shape)} and {tuple(later.shape)}",
                remedy="resize and crop neighbours with their sample",
            )
        pair = torch.cat([_INPUT.apply(earlier), _INPUT.apply(later)], dim=1)
        six = self.head(self.encoder(pair)[-1]).float().mean(dim=(2, 3)) * MOTION_SCALE
        return Motion(axis_angle_rad=six[:, :3], translation=six[:, 3:])
