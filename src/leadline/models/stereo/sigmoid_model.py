# SPDX-License-Identifier: Apache-2.0
"""Images of one view enter; depth at four scales leaves: monodepth2's network on the encoders of the stereo networks."""

from __future__ import annotations

from torch import Tensor, nn

from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.pyramid import build_pyramid
from leadline.models.stereo.sigmoid_decoder import SigmoidDecoder, sigmoid_depth


class SigmoidModel(nn.Module):
    """Encoder pyramid and monodepth2's decoder (Godard et al. 2019, arXiv 1806.01260); there is no path for two views.

    Args:
        config: what to build; its decoder is "sigmoid".

    Raises:
        UsageError: an encoder that does not exist or cannot serve.

    Attributes:
        config: as given.
        pyramid: the encoder.
        decoder: all else.
    """

    def __init__(self, config: StereoModelConfig) -> None:
        super().__init__()
        self.config = config
        self.pyramid = build_pyramid(config.pyramid)
        self.decoder = SigmoidDecoder(self.pyramid.channels, finest_stride=self.pyramid.strides[0])

    def features(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """Images (B,3,H,W) in [0, 1] -> the encoder's four maps (B,C,h,w), fine to coarse, no unit."""
        return self.pyramid(image_B3HW)  # type: ignore[no-any-return]

    def scales(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Features, (H, W) of their image in pixels -> four sigmoid maps (B,H,W), (B,H/2,W/2), ..., full size first."""
        return self.decoder(features, size)  # type: ignore[no-any-return]

    def monocular(self, image_B3HW: Tensor) -> tuple[Tensor, None]:
        """Images (B,3,H,W) in [0, 1] -> depth (B,H,W), in metres where the configuration knows the rig, else up to scale.

        The second result stands where a network of levels has its probabilities.
        """
        size = (image_B3HW.shape[2], image_B3HW.shape[3])
        return sigmoid_depth(self.scales(self.features(image_B3HW), size)[0]), None

    def parts(self) -> dict[str, nn.Module]:
        """The network in disjoint parts that together are all of it."""
        return {"backbone": self.pyramid.backbone, "neck": self.pyramid.neck, "decoder": self.decoder}
