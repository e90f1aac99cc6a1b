# SPDX-License-Identifier: Apache-2.0
"""The guide: depth maps enter, a network that repeats them leaves; what it sees in one is a target for features.

    loss = L_ssi(G(d), d),    G = DPT(DINOv2(stem(d_hat)))

d is disparity, d_hat the map centred by its median and scaled by its mean deviation (0 where nothing is known), the stem a
3x3 convolution from one channel to three.  The idea is the Depth Anything V1 training reference's: if the target of the
alignment is made from depth, does a student still need the margin?
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from leadline.contracts.errors import WeightsError
from leadline.contracts.sample import Field
from leadline.losses.affine_invariant import affine_invariant
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.tensor_writing import save_tensors
from leadline.recipes.staged.alignment import standard_map
from leadline.recipes.supervised.recipe import disparity_truth, learning_groups
from leadline.training.recipe import Recipe, StepResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.training.recipe import ParameterGroup, Progress

TENSORS, DESCRIPTION = "guide.safetensors", "guide.json"


class Guide(nn.Module):
    """A depth map to three channels, to an encoder's maps, to a depth map.

    Args:
        model: a network of relative disparity; its encoder begins as DINOv2.
    """

    def __init__(self, model: DepthModel) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 3, kernel_size=3, padding=1)
        self.model = model

    def forward(self, standard: Tensor) -> tuple[Tensor, Tensor]:
        """(B,H,W) standardised disparity -> disparity (B,H,W) and the encoder's last map (B,C,h,w), no unit."""
        H, W = standard.shape[-2:]
        features = self.model.encode(self.stem(standard[:, None]))
        return self.model.decode(features, (H, W)), features.maps[-1]

    def embed(self, standard: Tensor) -> Tensor:
        """(B,H,W) standardised disparity -> the encoder's last map (B,C,h,w), no unit; the decoder is not asked."""
        return self.model.encode(self.stem(standard[:, None])).maps[-1]

    def save(self, folder: Path) -> None:
        """Write the tensors and what to build for them into ``folder``."""
        (folder / DESCRIPTION).write_text(json.dumps(self.model.config.to_dict(), indent=2), encoding="utf-8")
        save_tensors({name: one.detach().contiguous().cpu() for name, one in self.state_dict().items()}, folder / TENSORS)

    @classmethod
    def load(cls, folder: Path) -> Guide:
        """What ``save`` wrote.

        Raises:
            WeightsError: there is none, or it is damaged.
        """
        try:
            described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            guide = cls(DepthModel(DepthModelConfig.from_dict(described)))
            guide.load_state_dict(load_file(str(folder / TENSORS)))
        except Exception as error:  # safetensors, torch and json share no base class
            raise WeightsError(
                expected=f"a guide in {folder}", got=str(error).split("\n")[0], remedy="run --stage guide again"
            ) from error
        return guide.eval()


class GuideRecipe(Recipe):
    """Depth maps repeated through a narrow door.

    Args:
        guide: with its first weights.
        encoder_lr_factor: its encoder learns at lr / factor.
    """

    needs = {"train": frozenset({Field.DEPTH})}  # noqa: RUF012 - read only, as every recipe's

    def __init__(self, guide: Guide, *, encoder_lr_factor: float) -> None:
        super().__init__()
        self.trained: Guide = guide
        self._factor = encoder_lr_factor

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        """The loss of one batch of (B,H,W) depth; its pictures are not looked at."""
        disparity, valid = disparity_truth(batches["train"])
        repeated, _ = self.trained(standard_map(label=disparity, valid=valid))
        loss = affine_invariant(predicted=repeated, target=disparity, valid=valid, sum_across=progress.sum_across)
        return StepResult(loss=loss, parts={"SSI": loss.detach()}, weight=valid.sum().float())

    def parameter_groups(self) -> list[ParameterGroup]:
        """The encoder at lr / factor, the stem and the decoder at lr."""
        model = self.trained.model
        parts: dict[str, tuple[nn.Module, float]] = {
            "encoder": (model.encoder, 1 / self._factor),
            "decoder": (model.decoder, 1.0),
            "stem": (self.trained.stem, 1.0),
        }
        return learning_groups(parts)


class GuideTarget:
    """What a guide sees in the label ("depth-guide"): a ``staged.alignment.Target``.

    Args:
        guide: trained; frozen here.
    """

    def __init__(self, guide: Guide) -> None:
        self._guide = guide.eval().requires_grad_(requires_grad=False)
        self.channels = guide.model.encoder.layout.channels[-1]
        self.of_label = True

    def __call__(self, *, image: Tensor, label: Tensor, valid: Tensor) -> Tensor:
        """Tokens (B,C,h,w) of (B,H,W) labels; the picture (B,3,H,W) is not looked at."""
        guide = self._guide.to(image.device)
        with torch.no_grad():
            return guide.embed(standard_map(label=label, valid=valid))
