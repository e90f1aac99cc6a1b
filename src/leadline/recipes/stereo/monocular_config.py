# SPDX-License-Identifier: Apache-2.0
"""Hyper-parameters of training from frames of a moving camera, beside those of the ``stereo`` recipe.  No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leadline.contracts.errors import require
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.encoder_config import PyramidConfig

if TYPE_CHECKING:
    from leadline.data.request import OptionValue

Sources = Literal["frames", "pair", "both"]
POSE_ENCODERS = ("resnet18", "resnet34", "resnet50")
_TOY_POSE_ENCODER = "test_resnet"  # of timm, for tests: it can be named, but no error offers it


@dataclass(frozen=True, kw_only=True)
class MonocularConfig:
    """A mixin, without slots so that another dataclass may stand beside it; defaults are monodepth2's."""

    method: Literal["tio", "monodepth2"] = "tio"
    """tio: volumes of disparity in three stages; monodepth2: one map, by reprojection of frames, pairs or both."""
    sources: Sources = "frames"
    """What monodepth2 compares a picture with: its neighbouring frames (scale stays open), its other view, or both."""
    frames_root: Path | None = None
    """Folder of your own recordings, one folder of numbered frames each, with a camera file (dataset frame_folder)."""
    frames: tuple[int, ...] = (-1, 1)
    """Neighbouring frames, earlier ones below 0."""
    auto_mask: bool = True
    """Leave out pixels that a standing camera explains better: things that move along, and frames without motion."""
    ssim_weight: float = 0.85
    """Share of structural similarity in the photometric difference; the rest is absolute difference."""
    reprojection_smooth: float = 1e-3
    """Weight of edge-aware smoothness at full size, halved with each scale."""
    mirror: float = 0.5
    """How often a picture is mirrored together with its sources."""
    pose_encoder: str = "resnet18"
    """ResNet of the pose network: resnet18, resnet34 or resnet50."""
    pose_pretrained: bool = False
    """Fetch ImageNet weights for the pose network (monodepth2 does)."""

    def check_monocular(self) -> None:
        """Refuse settings that cannot be meant; to be called by ``__post_init__`` of what holds them.

        Raises:
            UsageError: naming the flag.
        """
        named_once = len(set(self.frames)) == len(self.frames) and 0 not in self.frames
        require(named_once, "--frames each once and none 0", self.frames, "e.g. --frames -1 1")
        asked = self.sources == "pair" or len(self.frames) > 0
        require(asked, "--frames where --sources wants them", self.frames, "or --sources pair")
        require(0 <= self.ssim_weight <= 1, "--ssim-weight in [0, 1]", self.ssim_weight, "e.g. 0.85")
        require(self.reprojection_smooth >= 0, "--reprojection-smooth of 0 or more", self.reprojection_smooth, "e.g. 0.001")
        require(0 <= self.mirror <= 1, "--mirror in [0, 1]", self.mirror, "e.g. 0.5")
        known = self.pose_encoder in (*POSE_ENCODERS, _TOY_POSE_ENCODER)
        require(known, f"--pose-encoder of {', '.join(POSE_ENCODERS)}", self.pose_encoder, "choose one of these")

    def frame_options(self, name: str) -> dict[str, OptionValue]:
        """What a dataset that can give frames is asked for."""
        if name == "frame_folder":
            return {"neighbours": self.neighbours}
        if name == "procedural":
            return {"neighbours": self.neighbours, "stereo": self.sources != "frames"}
        if name == "kitti_stereo":
            return {"neighbours": self.neighbours, "eyes": "listed" if self.sources == "frames" else "pair"}
        return {}

    @property
    def neighbours(self) -> str:
        """The frames as datasets are asked for them, e.g. ``-1,1``; nothing where no frames are compared."""
        return "" if self.sources == "pair" else ",".join(str(offset) for offset in sorted(self.frames))


def sigmoid_network(pyramid: PyramidConfig, input_size: tuple[int, int]) -> StereoModelConfig:
    """Monodepth2's network over an encoder, for pictures of (height, width) pixels; its rig is known when the data are."""
    return StereoModelConfig(
        pyramid=pyramid, decoder="sigmoid", matching=False, refined=False, monocular="raw", input_size=input_size
    )
