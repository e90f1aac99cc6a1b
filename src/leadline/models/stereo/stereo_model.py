# SPDX-License-Identifier: Apache-2.0
"""Images of one view or of both enter; scores of disparity levels, and disparity, leave: one network for one eye and two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, UsageError
from leadline.geometry.levels import expected_disparity
from leadline.models.heads.precision import at_least_float32
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.pyramid import build_pyramid
from leadline.models.stereo.volume_decoder import Compared, Maps, PathEnding, VolumeDecoder, level_list


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoVolumes:
    """What the network says of two views; no unit.

    Attributes:
        target_logits, other_logits: (B,N,H,W) scores of the disparity levels of each view.
        target_costs, other_costs: (B,N,h,w) logits of the match at levels 3, 2, 1, coarse to fine, at their own sizes.
    """

    target_logits: Tensor
    other_logits: Tensor
    target_costs: Maps
    other_costs: Maps


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetVolume:
    """What the network says of one of two views; as in ``StereoVolumes``."""

    logits: Tensor
    costs: Maps


class StereoModel(nn.Module):
    """One encoder and one decoder for a single picture (``mono``, ``refined``) and for a rectified pair (``stereo``).

    Features are taken once for each picture and handed to whichever paths are wanted; a caller may detach them in between.

    Args:
        config: what to build; its decoder is "volume".

    Raises:
        UsageError: an encoder that does not exist or cannot serve.

    Attributes:
        config: as given.
        kind: the claim of ``disparity_px``.
        pyramid: the encoder.
        decoder: all else.
        levels_px: (N,) the disparity levels, pixels of the network's input.
    """

    levels_px: Tensor
    kind = DepthKind.STEREO_DISPARITY

    def __init__(self, config: StereoModelConfig) -> None:
        super().__init__()
        self.config = config
        self.pyramid = build_pyramid(config.pyramid)
        self.decoder = VolumeDecoder(self.pyramid.channels, config)
        self.register_buffer("levels_px", torch.tensor(level_list(config)), persistent=False)

    def features(self, image_B3HW: Tensor) -> Maps:
        """Images (B,3,H,W) in [0, 1] -> the encoder's four maps (B,C,h,w), fine to coarse, no unit."""
        return self.pyramid(image_B3HW)  # type: ignore[no-any-return]

    def mono(self, features: Maps, size: tuple[int, int]) -> Tensor:
        """Features of one view, (H, W) of its image in pixels -> (B,N,H,W) logits by the raw path."""
        return self.decoder.decode(features, size, self.decoder.raw.ending)

    def refined(self, features: Maps, size: tuple[int, int]) -> Tensor:
        """Features of one view, (H, W) of its image in pixels -> (B,N,H,W) logits by the refined path.

        Raises:
            UsageError: a network without that path.
        """
        return self.decoder.decode(features, size, self._refined_ending())

    def stereo(self, target: Maps, other: Maps, size: tuple[int, int], *, direction: int) -> StereoVolumes:
        """Both views of a rectified pair, compared.

        Args:
            target, other: features of the two images.
            size: (H, W) of the images in pixels.
            direction: +1 where the target is the left view, -1 where it is the right.

        Raises:
            UsageError: a network that was built without matching.
            ContractError: features of other sizes, or a direction that is none.
        """
        found = self._compared(target, other, size, direction)
        return StereoVolumes(
            target_logits=self.decoder.read_out(found.target, size),
            other_logits=self.decoder.read_out(found.other, size),
            target_costs=found.target_costs,
            other_costs=found.other_costs,
        )

    def stereo_target(self, target: Maps, other: Maps, size: tuple[int, int], *, direction: int) -> TargetVolume:
        """As ``stereo``, errors too, but the other view is not read out, which saves a tenth to a quarter of the work."""
        found = self._compared(target, other, size, direction)
        return TargetVolume(logits=self.decoder.read_out(found.target, size), costs=found.target_costs)

    def disparity_px(self, logits: Tensor) -> Tensor:
        """Logits (B,N,H,W) -> (B,H,W) disparity in pixels of the network's input; at least float32 even under autocast."""
        with torch.autocast(logits.device.type, enabled=False):
            return expected_disparity(at_least_float32(logits).softmax(dim=1), self.levels_px)

    def monocular(self, image_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says of single pictures, by the path that its configuration names.

        Args:
            image_B3HW: (B,3,H,W) in [0, 1].

        Returns:
            (B,H,W) metres where the rig is known, as if that one had taken the pictures, else pixels of the network's input;
            and the (B,N,H,W) probabilities of the disparity levels; both at least float32.
        """
        size = (image_B3HW.shape[2], image_B3HW.shape[3])
        features = self.features(image_B3HW)
        logits = self.refined(features, size) if self.config.monocular == "refined" else self.mono(features, size)
        with torch.autocast(logits.device.type, enabled=False):
            probabilities = at_least_float32(logits).softmax(dim=1)
            disparity_px = expected_disparity(probabilities, self.levels_px)
        rig = self.config.rig
        return disparity_px if rig is None else rig.depth_times_disparity(size[1]) / disparity_px, probabilities

    def parts(self) -> dict[str, nn.Module]:
        """The network in disjoint parts that together are all of it.

        "backbone" and "neck" are the encoder (the neck has no parameters where the backbone makes a pyramid by itself),
        "decoder" is the raw path, "matching" and "refined" what the other two add; parts that were not built are left out.
        """
        refined = {} if self.decoder.refined is None else {"refined": self.decoder.refined}
        matching = {"matching": self.decoder.matching} if len(self.decoder.matching) else {}
        encoder = {"backbone": self.pyramid.backbone, "neck": self.pyramid.neck}
        return encoder | {"decoder": self.decoder.raw} | matching | refined

    def _compared(self, target: Maps, other: Maps, size: tuple[int, int], direction: int) -> Compared:
        if not self.config.matching:
            raise _not_built("modules that compare two views", "matching")
        sizes = tuple([tuple(one.shape) for one in maps] for maps in (target, other))
        if sizes[0] != sizes[1] or direction not in {1, -1}:
            raise ContractError(
                expected="features of two views of one size, and direction 1 for a left target or -1 for a right one",
                got=f"finest maps {sizes[0][0]} and {sizes[1][0]}, direction {direction}",
                remedy="bring both pictures of a pair to one size before the encoder sees them",
            )
        return self.decoder.compare(target=target, other=other, width_px=size[1], direction=direction)

    def _refined_ending(self) -> PathEnding:
        if self.decoder.refined is None:
            raise _not_built("a refined path", "refined")
        return self.decoder.refined


def _not_built(what: str, setting: str) -> UsageError:
    return UsageError(
        expected=f"a stereo network with {what}",
        got=f"one with {setting} off",
        remedy=f"build and train it with {setting} on, or ask it for another mode",
    )
