# SPDX-License-Identifier: Apache-2.0
"""A stereo network enters; the monocular half of it, with the surface of a depth model, leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from leadline.models.depth_model import DepthOutput
from leadline.models.normalisation import Normalisation
from leadline.models.stereo.sigmoid_model import SigmoidModel
from leadline.models.stereo.stereo_model import StereoModel

if TYPE_CHECKING:
    from leadline.contracts.depth_map import DepthKind
    from leadline.models.config import Interpolation
    from leadline.models.encoder_sizes import DinoSize
    from leadline.models.stereo.config import StereoModelConfig

UNCHANGED = Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
"""The encoder normalises by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MonocularConfig:
    """What prediction, export and reports read of a model's configuration.

    Attributes:
        network: of the whole stereo network.
        interpolation: how pictures are brought to the network's size.
    """

    network: StereoModelConfig
    interpolation: Interpolation = "antialiased"

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.network.pyramid.encoder

    @property
    def size(self) -> DinoSize | None:
        """The DINOv2 size, or None for another encoder."""
        return self.network.pyramid.dino

    @property
    def input_size(self) -> int | None:
        """The shorter side in pixels of the pictures it was trained for, or None where that was not recorded."""
        return None if self.network.input_size is None else min(self.network.input_size)

    @property
    def kind(self) -> DepthKind:
        """The claim of the output."""
        return self.network.kind

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the family says that it is no configuration of a ``DepthModel``."""
        return {"family": "stereo"} | self.network.to_dict()


class MonocularPath(nn.Module):
    """A stereo network that is shown one picture: it can be predicted with, evaluated, labelled with and exported.

    With a known rig its numbers are metres for pictures of the field of view it was trained on; a camera that sees half the
    width in the same number of pixels makes everything look twice as near.  The network's weights are shared, not copied.

    Args:
        network: stays as it is.

    Attributes:
        network: as given.
        config: what others may read of its configuration.
        kind: METRIC with a known rig; else STEREO_DISPARITY in pixels of the network's input, or SCALE_INVARIANT for
            decoder "sigmoid".
    """

    def __init__(self, network: StereoModel | SigmoidModel) -> None:
        super().__init__()
        self.network = network
        self.config = MonocularConfig(network=network.config)

    @property
    def kind(self) -> DepthKind:
        """The claim of the output."""
        return self.config.kind

    @property
    def normalisation(self) -> Normalisation:
        """None: images stay in [0, 1]."""
        return UNCHANGED

    @property
    def size_multiple(self) -> int:
        """Sides in pixels that are multiples of it reach the encoder untouched."""
        return self.network.pyramid.size_multiple

    @property
    def before_read_out(self) -> nn.Module:
        """From this module's output on, arithmetic is better done in float32."""
        if isinstance(self.network, SigmoidModel):
            return self.network.decoder.outputs[-1]
        decoder = self.network.decoder
        refined = decoder.refined if self.network.config.monocular == "refined" else None
        return (refined or decoder.raw.ending).output

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """(B,3,H,W) in [0, 1] -> (B,H,W), at least float32, in the model's own kind and unit."""
        return self.network.monocular(image_B3HW)[0]

    def predict_full(self, image_B3HW: Tensor) -> DepthOutput:
        """(B,3,H,W) in [0, 1] -> depth or disparity (B,H,W) in its unit, with the probabilities of the levels behind it."""
        depth, probabilities = self.network.monocular(image_B3HW)
        return DepthOutput(depth=depth, bin_probabilities=probabilities)
