# SPDX-License-Identifier: Apache-2.0
"""The JEPA-depth reference's network, written anew from the ledger, and its checkpoints in every spelling it ever had."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

PREFIXES = {
    "plain": "",
    "compiled": "_orig_mod.",
    "ddp": "module.",
    "compiled, then ddp": "module._orig_mod.",
    "ddp, then compiled": "_orig_mod.module.",
}
SPELLINGS = ("legacy", "new")
WIDTHS = (256, 128, 64, 32, 32)
PATCH_PX = 16


class Decoder(nn.Module):
    """k doublings and a sigmoid."""

    def __init__(self, width: int, stages: int) -> None:
        super().__init__()
        widths = (width, *WIDTHS[:stages])
        self.net = nn.Sequential(
            *(nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.GELU()) for a, b in pairwise(widths))
        )
        self.head = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.GELU(), nn.Conv2d(32, 1, 1), nn.Sigmoid())

    def forward(self, coarse: Tensor) -> Tensor:
        """(B,C,h,w) -> (B,2^k h,2^k w) in [0, 1]."""
        depth: Tensor = self.head(self.net(coarse))
        return depth.squeeze(1)


class ReferenceNetwork(nn.Module):
    """Backbone, decoder, projector: (B,3,H,W) -> depth / 100 m, (B,H,W), squares only, as there."""

    def __init__(self, name: str, stages: int) -> None:
        super().__init__()
        self.transformer = name.startswith(("vit", "test_vit"))
        if self.transformer:
            self.backbone = timm.create_model(name, num_classes=0, dynamic_img_size=True)
            width = self.backbone.num_features
        else:
            self.backbone = timm.create_model(name, features_only=True, out_indices=(4,))
            width = self.backbone.feature_info.channels()[-1]
        self.decoder = Decoder(width, stages)
        self.proj = nn.Sequential(
            nn.Linear(width, 2048), nn.BatchNorm1d(2048), nn.GELU(), nn.Linear(2048, 512), nn.BatchNorm1d(512, affine=False)
        )

    def forward(self, image: Tensor) -> Tensor:
        """As the class says."""
        if self.transformer:
            tokens = self.backbone.forward_features(image)[:, 1:]
            rows, columns = image.shape[-2] // PATCH_PX, image.shape[-1] // PATCH_PX
            coarse = tokens.transpose(1, 2).unflatten(2, (rows, columns))
        else:
            coarse = self.backbone(image)[-1]
        depth: Tensor = self.decoder(coarse)
        if depth.shape == image[:, 0].shape:
            return depth
        resized = F.interpolate(depth[:, None], size=image.shape[-2:], mode="bilinear", align_corners=False)
        return resized[:, 0]


@cache
def meta_tensors(name: str, stages: int) -> dict[str, Tensor]:
    """A checkpoint without numbers, under the reference's later names."""
    with torch.device("meta"):
        return ReferenceNetwork(name, stages).state_dict()


def spelt(tensors: dict[str, Tensor], spelling: str, prefix: str = "plain") -> dict[str, Tensor]:
    """The same under older names, and behind what torch.compile and DistributedDataParallel put before them."""
    renamed = {}
    for name, value in tensors.items():
        if spelling == "legacy":
            name = re.sub(r"^decoder\.net\.(\d+)", lambda stage: f"decoder.up{int(stage[1]) + 1}", name)
        renamed[PREFIXES[prefix] + name] = value
    return renamed
