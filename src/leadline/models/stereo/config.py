# SPDX-License-Identifier: Apache-2.0
"""What a stereo network is made of: names and numbers enter, a checked and frozen description of it leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import require
from leadline.models.requirements import correct, require_one_of
from leadline.models.stereo.encoder_config import PyramidConfig

StereoDecoder = Literal["volume", "sigmoid"]
MonocularMode = Literal["refined", "raw"]

PYRAMID_LEVELS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRig:
    """The one rig whose pairs a monocular network has learned from, by which its disparity becomes metres.

    Attributes:
        baseline_m: distance of the two optical centres.
        focal_px: focal length of pictures ``width_px`` pixels wide; both stay in proportion when a picture is resized.
        width_px: see ``focal_px``.
    """

    baseline_m: float
    focal_px: float
    width_px: float

    def __post_init__(self) -> None:
        lengths = (self.baseline_m, self.focal_px, self.width_px)
        good = all(0 < length < math.inf for length in lengths)
        require(good, "a rig of finite lengths above 0 (baseline_m, focal_px, width_px)", lengths, "correct the rig")

    def depth_times_disparity(self, width_px: float) -> float:
        """What depth in metres times disparity in pixels is where the network's input is ``width_px`` wide.

        >>> round(TrainingRig(baseline_m=0.54, focal_px=721.54, width_px=1244).depth_times_disparity(1280), 1)
        400.9
        """
        return self.focal_px / self.width_px * width_px * self.baseline_m


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoModelConfig:
    """Encoder pyramid, decoder and disparity levels of one stereo network (TiO-Depth: Zhou & Dong 2023, arXiv 2309.00933).

    Attributes:
        pyramid: the encoder.
        decoder: "volume" = a score for each disparity level, TiO-Depth's; "sigmoid" = monodepth2's, one map per scale.
        decoder_channels: width of the decoder at each level, fine to coarse.
        levels: how many disparity levels; see ``geometry.levels.exponential_levels``.
        least_disparity_px, greatest_disparity_px: the first and the last level, in pixels of the network's input.
        matching: whether there are the modules that compare two views; without them there is no ``stereo``.
        refined: whether there is a second monocular path, which learns from the binocular one.
        parity: match features where the released TiO-Depth does, a shift of (w - 1) / w of what is meant, and mix the shares
            of levels as quietly.
        rig: by which disparity becomes metres; None = it stays in pixels.
        input_size: height and width in pixels of the pictures the network was trained for; None = not recorded.
        monocular: which path speaks for one picture; the published TiO-Depth is "refined".
    """

    pyramid: PyramidConfig = field(default_factory=PyramidConfig)
    decoder: StereoDecoder = "volume"
    decoder_channels: tuple[int, ...] = (64, 128, 256, 256)
    levels: int = 49
    least_disparity_px: float = 2.0
    greatest_disparity_px: float = 300.0
    matching: bool = True
    refined: bool = True
    parity: bool = False
    rig: TrainingRig | None = None
    input_size: tuple[int, int] | None = None
    monocular: MonocularMode = "refined"

    def __post_init__(self) -> None:
        require_one_of(self.decoder, get_args(StereoDecoder), "decoder")
        require_one_of(self.monocular, get_args(MonocularMode), "monocular")
        widths = len(self.decoder_channels) == PYRAMID_LEVELS and min(self.decoder_channels) >= 4
        expected = f"{PYRAMID_LEVELS} decoder channels of at least 4"
        require(widths, expected, self.decoder_channels, correct("decoder_channels"))
        require(self.levels >= 2, "at least two disparity levels", self.levels, correct("levels"))
        rising = 0 < self.least_disparity_px < self.greatest_disparity_px < math.inf
        found = (self.least_disparity_px, self.greatest_disparity_px)
        expected = "a least disparity above 0 px and below the greatest"
        require(rising, expected, found, correct("least_disparity_px", "greatest_disparity_px"))
        sides = self.input_size is None or (len(self.input_size) == 2 and min(self.input_size) >= 1)
        require(sides, "an input size of height and width, at least 1 px each", self.input_size, correct("input_size"))
        self._check_paths()

    def _check_paths(self) -> None:
        plain = not (self.matching or self.refined)
        expected = "matching and refined off with decoder sigmoid, which has no volume to match or to distil"
        require(self.decoder == "volume" or plain, expected, (self.matching, self.refined), correct("decoder"))
        spoken = self.refined or self.monocular == "raw"
        require(spoken, "monocular raw where there is no refined path", self.monocular, correct("monocular", "refined"))

    @property
    def kind(self) -> DepthKind:
        """What the network claims of a single picture."""
        if self.rig is not None:
            return DepthKind.METRIC
        return DepthKind.STEREO_DISPARITY if self.decoder == "volume" else DepthKind.SCALE_INVARIANT

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what ``from_dict`` takes."""
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}
        return plain | {"pyramid": self.pyramid.to_dict(), "rig": None if self.rig is None else asdict(self.rig)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> StereoModelConfig:
        """The inverse of ``to_dict``; an unknown name or value is a ``UsageError``."""
        own = _known(values, StereoModelConfig)
        pyramid, rig = own.pop("pyramid", None), own.pop("rig", None)
        return StereoModelConfig(
            pyramid=PyramidConfig() if pyramid is None else PyramidConfig.from_dict(pyramid),
            rig=None if rig is None else TrainingRig(**_known(rig, TrainingRig)),
            **own,
        )


def _known(values: Mapping[str, Any], owner: type[StereoModelConfig | TrainingRig]) -> dict[str, Any]:
    names = tuple(one.name for one in fields(owner))
    for name in values:
        require_one_of(name, names)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
