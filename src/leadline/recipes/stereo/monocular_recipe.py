# SPDX-License-Identifier: Apache-2.0
"""The ``stereo`` recipe in the manner of monodepth2: frames of a moving camera, or pairs, in; depth of one picture out.

With s the sigmoid at one of four scales, enlarged to the picture, d = 1 / (1/100 + (1/0.1 - 1/100) s) its depth, I the
picture and I_k its sources (frames before and after, moved by what a pose network says, and the view of a second camera):

    pe(a, b)  = ssim_weight (1 - SSIM(a, b)) / 2 + (1 - ssim_weight) |a - b|
    photo     = mean over pixels of min( min_k pe(I, I_k seen from I by d),  min_k pe(I, I_k) + noise )
    loss      = mean over scales i = 0..3 of  photo + reprojection_smooth / 2^i * smooth(s_i / mean s_i, I)

The second minimum (auto_mask) has no gradient: where it is the smaller one, the pixel tells nothing of depth.  Godard et al.
2019, "Digging into Self-Supervised Monocular Depth Estimation", arXiv 1806.01260.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from leadline.contracts.sample import Field
from leadline.geometry.reprojection import reproject
from leadline.losses.reprojection import LeastDifference, least_difference, source_differences, with_tie_break
from leadline.losses.smoothness import first_order_smoothness, mean_normalised
from leadline.models.stereo.pose_network import PoseNetwork
from leadline.models.stereo.sigmoid_decoder import sigmoid_depth
from leadline.recipes.stereo.frames import Frames, frames_of, source_poses
from leadline.recipes.stereo.monocular_pictures import pictured_frames
from leadline.recipes.supervised.recipe import learning_groups
from leadline.training.recipe import ParameterGroup, Recipe, StepResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.sample import Batch
    from leadline.models.stereo.sigmoid_model import SigmoidModel
    from leadline.recipes.stereo.monocular_config import MonocularConfig, Sources
    from leadline.training.recipe import Progress
    from leadline.transforms.pair_colours import PairColours

_NEEDS: dict[Sources, frozenset[Field]] = {
    "frames": frozenset({Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS}),
    "pair": frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO}),
    "both": frozenset({Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS, Field.STEREO}),
}


class MonocularRecipe(Recipe):
    """Training of a depth network together with a pose network.

    Attributes:
        trained: the depth network; the pose network is kept in the training state only.
        pose: None where only pairs are compared.
    """

    def __init__(self, config: MonocularConfig, model: SigmoidModel, colours: PairColours | None) -> None:
        """Take the model as it is, frozen parts included; ``colours`` None shows it pictures as they are."""
        super().__init__()
        self.config = config
        self.trained: SigmoidModel = model
        self.needs = {"train": _NEEDS[config.sources]}
        self.pose = None
        if config.sources != "pair":
            self.pose = PoseNetwork(config.pose_encoder, pretrained=config.pose_pretrained)
        self._colours = colours

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:  # noqa: ARG002 (every step is alike)
        """The loss of one batch (B,3,H,W) with its sources; ``parts``: raw terms and the share of informing pixels."""
        frames = frames_of(batches["train"], sources=self.config.sources, colours=self._colours, mirror=self.config.mirror)
        sigmoids = self.trained.scales(self.trained.features(frames.seen_target), frames.size)
        poses = source_poses(self.pose, frames)
        with torch.autocast(frames.target.device.type, enabled=False):
            return self._result(frames, sigmoids, poses)

    def reconstruction(self, batch: Batch) -> Tensor:
        """What a batch costs as it is, () without unit: to choose among checkpoints where nothing of depth is known.

        At full size only, without smoothness; nothing is drawn at random.
        """
        frames = frames_of(batch, sources=self.config.sources, colours=None)
        sigmoids = self.trained.scales(self.trained.features(frames.seen_target), frames.size)
        poses = source_poses(self.pose, frames)
        with torch.autocast(frames.target.device.type, enabled=False):
            warped = seen_from_target(frames, sigmoids[0], poses)
            return self._least(frames, warped, self._standing(frames)).difference.mean()

    def parameter_groups(self) -> list[ParameterGroup]:
        """Encoder, decoder and pose network, all at the run's rate; what is frozen is in none."""
        parts: dict[str, tuple[torch.nn.Module, float]] = {
            "encoder": (self.trained.pyramid, 1.0),
            "decoder": (self.trained.decoder, 1.0),
        }
        return learning_groups(parts if self.pose is None else parts | {"pose": (self.pose, 1.0)})

    def pictures(self, batches: Mapping[str, Batch]) -> dict[str, NDArray[np.uint8]]:
        """``Train/Frames``: the first picture, its sources seen from there, its inverse depth, and what informs of it."""
        frames = frames_of(batches["train"], sources=self.config.sources, colours=None)
        sigmoid = self.trained.scales(self.trained.features(frames.seen_target), frames.size)[0]
        warped = seen_from_target(frames, sigmoid, source_poses(self.pose, frames))
        least = self._least(frames, warped, self._standing(frames))
        return {"Train/Frames": pictured_frames(frames, warped=warped, sigmoid=sigmoid, informs=least.informs)}

    def _result(self, frames: Frames, sigmoids: tuple[Tensor, ...], poses: Tensor) -> StepResult:
        photometric, smooth, informing = [], [], []
        standing = self._standing(frames)
        for scale, sigmoid in enumerate(sigmoids):
            tossed = None if standing is None else with_tie_break(standing)
            least = self._least(frames, seen_from_target(frames, sigmoid, poses), tossed)
            picture = functional.interpolate(frames.target, size=sigmoid.shape[-2:], mode="area")
            unsmooth = first_order_smoothness(disparity=mean_normalised(sigmoid), image=picture).mean()
            photometric.append(least.difference.mean())
            smooth.append(unsmooth / 2**scale)
            informing.append(least.informs.float().mean())
        parts = {
            "Photometric": torch.stack(photometric).mean(),
            "Smooth": torch.stack(smooth).mean(),
            "Informing": torch.stack(informing).mean(),
        }
        loss = parts["Photometric"] + self.config.reprojection_smooth * parts["Smooth"]
        return StepResult(loss=loss, parts=parts, predicted=sigmoids[0])

    def _least(self, frames: Frames, warped: Tensor, standing: Tensor | None) -> LeastDifference:
        moved = source_differences(images=warped, target=frames.target, ssim_weight=self.config.ssim_weight)
        return least_difference(moved, standing=standing)

    def _standing(self, frames: Frames) -> Tensor | None:
        """(B,S,H,W) differences of the sources as they were taken, the same for every scale."""
        if not self.config.auto_mask:
            return None
        return source_differences(images=frames.sources, target=frames.target, ssim_weight=self.config.ssim_weight)


def seen_from_target(frames: Frames, sigmoid: Tensor, poses: Tensor) -> Tensor:
    """The sources as they would look from the target.

    Args:
        frames: B pictures with S sources each.
        sigmoid: (B,h,w) in (0, 1), of any scale; it is enlarged to the pictures before it becomes depth.
        poses: (B,S,4,4) as from ``source_poses``.

    Returns:
        (B,S,3,H,W) float32.
    """
    count = frames.sources.shape[1]
    enlarged = functional.interpolate(sigmoid[:, None], size=frames.size, mode="bilinear", align_corners=False)[:, 0]
    depth = sigmoid_depth(enlarged).repeat_interleave(count, dim=0)
    warped = reproject(
        frames.sources.flatten(0, 1),
        depth,
        intrinsics=frames.matrix.repeat_interleave(count, dim=0),
        pose=poses.flatten(0, 1),
    )
    return warped.image.view(-1, count, *warped.image.shape[1:])
