# SPDX-License-Identifier: Apache-2.0
"""A stereo network and the tensors of a picture or pair enter; disparity and confidence at the network's size leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional

from leadline.geometry.multiples import nearest_multiples
from leadline.inference.device import arithmetic
from leadline.inference.stereo.agreement import agreement_of_views
from leadline.inference.stereo.network_sizes import MULTIPLE
from leadline.inference.stereo.post_processing import SECOND_SIZE, PostProcessing, share_of_second
from leadline.models.heads.metric_bins import bin_confidence
from leadline.transforms.resampling import resize_image

if TYPE_CHECKING:
    from leadline.models.stereo.stereo_model import StereoModel

Mode = Literal["mono", "refined", "stereo"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """What there is to see.

    Attributes:
        left: (3, H, W) RGB in [0, 1] on the CPU.
        right: the same of the right view, or None for one eye.
    """

    left: Tensor
    right: Tensor | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What was seen in the left view.

    Attributes:
        disparity_px: (1, h, w) float32 in pixels of a picture w pixels wide.
        confidence: (1, h, w) float32 in [0, 1].
    """

    disparity_px: Tensor
    confidence: Tensor

    def resized(self, size: tuple[int, int]) -> Seen:
        """At another (height, width), bilinear between pixel centres; disparity grows with the width."""
        if tuple(self.disparity_px.shape[1:]) == size:
            return self
        both = torch.cat([self.disparity_px * (size[1] / self.disparity_px.shape[2]), self.confidence])
        resized = functional.interpolate(both[None], size, mode="bilinear", align_corners=False)[0]
        return Seen(disparity_px=resized[:1], confidence=resized[1:])


class Looker:
    """One network in one mode; it looks once, or twice where post-processing asks for it.

    Args:
        model: in evaluation mode, on ``device``.
        mode: which path of it.
        device, dtype: where and in what numbers it computes.
    """

    def __init__(self, model: StereoModel, mode: Mode, device: torch.device, dtype: torch.dtype) -> None:
        self._model, self._mode, self._device, self._dtype = model, mode, device, dtype

    @torch.inference_mode()
    def see(self, views: Views, size: tuple[int, int], choice: PostProcessing = "none") -> Seen:
        """The views at ``size`` (height, width), multiples of 32; the second look is mirrored, and at its own size."""
        first = self._once(views, size, mirrored=False)
        if choice == "none":
            return first
        second = self._once(views, _scaled(size, SECOND_SIZE[choice]), mirrored=True).resized(size)
        share = share_of_second(choice, first.disparity_px)
        return Seen(
            disparity_px=torch.lerp(first.disparity_px, second.disparity_px, share),
            confidence=torch.lerp(first.confidence, second.confidence, share),
        )

    def _once(self, views: Views, size: tuple[int, int], *, mirrored: bool) -> Seen:
        """One look.  A mirrored left view is still the target, but its partner now lies on the other side."""
        seen = self._network(
            self._prepared(views.left, size, mirrored=mirrored),
            None if views.right is None else self._prepared(views.right, size, mirrored=mirrored),
            direction=-1 if mirrored else 1,
        )
        if not mirrored:
            return seen
        return Seen(disparity_px=seen.disparity_px.flip(2), confidence=seen.confidence.flip(2))

    def _prepared(self, picture: Tensor, size: tuple[int, int], *, mirrored: bool) -> Tensor:
        image = resize_image(picture, *size)
        return (image.flip(2) if mirrored else image)[None].to(self._device)

    def _network(self, target: Tensor, other: Tensor | None, *, direction: int) -> Seen:
        """(1, 3, h, w) each -> what the network says of the target."""
        size = (target.shape[2], target.shape[3])
        with arithmetic(self._device, self._dtype):
            features = self._model.features(target)
            if self._mode == "stereo" and other is not None:
                volumes = self._model.stereo(features, self._model.features(other), size, direction=direction)
                logits, of_other = volumes.target_logits, volumes.other_logits
            else:
                path = self._model.mono if self._mode == "mono" else self._model.refined
                logits, of_other = path(features, size), None
        disparity_px = self._model.disparity_px(logits)
        confidence = bin_confidence(logits.float().softmax(dim=1))
        if of_other is not None:
            other_px = self._model.disparity_px(of_other)
            confidence = confidence * agreement_of_views(target_px=disparity_px, other_px=other_px, direction=direction)
        return Seen(disparity_px=disparity_px, confidence=confidence)


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return nearest_multiples((round(size[0] * factor), round(size[1] * factor)), MULTIPLE)
