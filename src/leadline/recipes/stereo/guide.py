# SPDX-License-Identifier: Apache-2.0
"""What the paths of one network teach one another: volumes enter; guides, masks and fused volumes leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.geometry.visibility import fusion_weight, visible
from leadline.geometry.warp import in_view, warp_by_disparity
from leadline.losses.maps import full_precision
from leadline.losses.volume import fuse_volumes

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.models.stereo.stereo_model import StereoModel
    from leadline.recipes.stereo.pair import Pair

LEFT = 1
"""The direction of a left target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """What one eye says of the left view, for two eyes to learn from.

    Attributes:
        probabilities: (B,N,H,W) over the disparity levels.
        disparity_px: (B,H,W) pixels.
        made: (B,3,H,W) the left view, made of the right one by that disparity, [0, 1].
        seen: (B,H,W) bool, true where the right camera sees the point: nothing nearer before it, not beside the picture.
        in_view: (B,H,W) bool, true where it is not beside the picture.
    """

    probabilities: Tensor
    disparity_px: Tensor
    made: Tensor
    seen: Tensor
    in_view: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What stage stereo leaves for stage refine of the same update, as it was said before stage stereo moved.

    Attributes:
        image: (B,3,H,W) the left view that was seen, by which the lesson is recognised.
        features: the encoder's maps of it.
        fused: (B,N,H,W) probabilities, see ``fused_volume``.
    """

    image: Tensor
    features: tuple[Tensor, ...]
    fused: Tensor

    def is_of(self, image_B3HW: Tensor) -> bool:
        """Whether it was made of this (B,3,H,W) view."""
        return self.image.shape == image_B3HW.shape and torch.equal(self.image, image_B3HW)


def guide_of(model: StereoModel, mono_logits: Tensor, pair: Pair) -> Guide:
    """The guide of (B,N,H,W) logits of the left view, as the network says them alone; call it without gradients."""
    disparity_px = model.disparity_px(mono_logits)
    inside = in_view(disparity_px, direction=LEFT)
    return Guide(
        probabilities=full_precision(mono_logits).softmax(dim=1),
        disparity_px=disparity_px,
        made=warp_by_disparity(pair.right, disparity_px, direction=LEFT),
        seen=visible(disparity_px, "left") & inside,
        in_view=inside,
    )


def fused_volume(model: StereoModel, *, mono_probabilities: Tensor, stereo_logits: Tensor) -> Tensor:
    """Probabilities (B,N,H,W): of two eyes where they are sure, of one eye at the edges of depth.

    Of (B,N,H,W) probabilities and logits, without gradients.
    """
    stereo_logits = stereo_logits.detach()
    weight = fusion_weight(model.disparity_px(stereo_logits), direction=LEFT)
    return fuse_volumes(
        stereo_probabilities=full_precision(stereo_logits).softmax(dim=1),
        mono_probabilities=mono_probabilities,
        stereo_weight=weight,
    )
