# SPDX-License-Identifier: Apache-2.0
"""Encoder, decoder and head as one network: normalised images of any size enter, depth of the model's kind leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from leadline.contracts.depth_map import DepthKind
from leadline.geometry.multiples import nearest_multiples
from leadline.models.checkpoint_folder import DESCRIPTION, TENSORS, read_checkpoint, write_checkpoint
from leadline.models.config import DepthModelConfig
from leadline.models.decoders.dpt import DptDecoder
from leadline.models.decoders.upsample import UpsampleDecoder
from leadline.models.encoder import build_encoder
from leadline.models.features import EncoderLayout, Features
from leadline.models.head_config import HeadConfig, MetricBinsHeadConfig, RoutedBinsHeadConfig, SigmoidHeadConfig
from leadline.models.heads.calibrated import calibrated
from leadline.models.heads.metric_bins import BinsOutput, MetricBinsHead
from leadline.models.heads.metric_sigmoid import SigmoidHead
from leadline.models.heads.precision import at_least_float32
from leadline.models.heads.relative import RelativeHead
from leadline.models.heads.routed_bins import RoutedBinsHead
from leadline.models.heads.taps import HeadTaps
from leadline.models.normalisation import IMAGENET, Normalisation


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthOutput:
    """Everything a model says about B images of H x W.

    Attributes:
        depth: (B,H,W) float32 (float64 of a float64 model) in the model's own kind and unit.
        bin_centers_m: (B,N,H,W) metres, or None where the head has no bins.
        bin_probabilities: (B,N,H,W) in [0, 1], sum 1 over the bins, or None.
        relative: (B,H,W) the decoder's affine-invariant disparity, or None where ``depth`` is nothing else.
    """

    depth: Tensor
    bin_centers_m: Tensor | None = None
    bin_probabilities: Tensor | None = None
    relative: Tensor | None = None


class DepthModel(  # type: ignore[call-arg]
    nn.Module,
    PyTorchModelHubMixin,  # type: ignore[misc]
    library_name="leadline",
    pipeline_tag="depth-estimation",
):
    """A monocular depth network.

    ``save_pretrained``, ``from_pretrained`` and ``push_to_hub`` are those of huggingface_hub, on our own checkpoint folders.

    Images of any H x W are accepted.  The encoder sees them at the nearest multiple of ``size_multiple`` (bilinear); the
    decoder reads its maps out at H x W itself, so depth is never resized after the head has made it.

    Args:
        config: what to build.
        pretrained_backbone: fetch timm's weights for a ``timm:`` encoder from the network.

    Raises:
        UsageError: a timm backbone that does not exist or cannot serve.

    Attributes:
        config: as given.
        kind: the claim of the output.
        normalisation: what the input must be normalised with.
        size_multiple: sides that are multiples of it reach the encoder untouched.
    """

    def __init__(self, config: DepthModelConfig, *, pretrained_backbone: bool = False) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config, pretrained=pretrained_backbone)
        self.decoder = _build_decoder(config, self.encoder.layout)
        self.head = _build_head(config.head, config.features)
        self.encoder_frozen = False

    @property
    def kind(self) -> DepthKind:
        """The claim of the output."""
        return self.config.kind

    @property
    def normalisation(self) -> Normalisation:
        """What the input must be normalised with."""
        return IMAGENET if self.config.normalisation == "imagenet" else self.encoder.layout.normalisation

    @property
    def size_multiple(self) -> int:
        """14 for DINOv2, else the patch or the coarsest stride of the backbone."""
        return self.encoder.layout.size_multiple

    @property
    def logit_bias(self) -> str:
        """Name of the parameter that lifts or sinks all that the decoder hands to a plain head."""
        return f"decoder.{self.decoder.logit_bias}"

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Normalised (B,3,H,W) -> (B,H,W), at least float32, in the model's own kind: metres, or without unit."""
        H, W = image_B3HW.shape[-2:]
        return self.decode(self.encode(image_B3HW), (H, W))

    def encode(self, image_B3HW: Tensor) -> Features:
        """Normalised (B,3,H,W) -> the encoder's maps, without gradients where it is frozen; no unit."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.encoder_frozen):
            return self.encoder(self._fitted(image_B3HW))  # type: ignore[no-any-return]

    def decode(self, features: Features, size: tuple[int, int]) -> Tensor:
        """The encoder's maps of images of ``size`` (H, W) in pixels -> depth (B,H,W) as from ``forward``."""
        said = self.read(self.decoder(features, size).taps())
        depth = said.depth_m if isinstance(said, BinsOutput) else said
        return at_least_float32(depth)

    def embed(self, features: Features) -> Tensor:
        """The encoder's maps -> one vector for each image, (B,C), no unit, with C the width of the last map.

        The class token of the last map; its mean over pixels where the encoder has none (register tokens are none).
        """
        if self.encoder.layout.class_token:
            return features.prefix[-1][:, 0]
        return features.maps[-1].mean(dim=(2, 3))

    def predict_full(self, image_B3HW: Tensor) -> DepthOutput:
        """Normalised (B,3,H,W) -> depth (B,H,W) in its unit, with the distribution and relative depth behind it."""
        taps = self.taps(image_B3HW)
        said = self.read(taps)
        relative = at_least_float32(taps.relative).relu()
        if isinstance(said, BinsOutput):
            return DepthOutput(
                depth=said.depth_m,
                bin_centers_m=said.bin_centers_m(),
                bin_probabilities=said.bin_probabilities(),
                relative=relative,
            )
        return DepthOutput(depth=at_least_float32(said), relative=relative if self.kind is DepthKind.METRIC else None)

    def taps(self, image_B3HW: Tensor) -> HeadTaps:
        """Normalised (B,3,H,W) -> the maps a head reads, the finest of them at (H,W); no unit."""
        H, W = image_B3HW.shape[-2:]
        return self.decoder(self.encode(image_B3HW), (H, W)).taps()  # type: ignore[no-any-return]

    def read(self, taps: HeadTaps) -> BinsOutput | Tensor:
        """What the head says, (B,H,W) or bins, calibrated where the model is: in the model's own kind."""
        said: BinsOutput | Tensor = self.head(taps)
        return said if self.config.calibration is None else calibrated(said, self.config.calibration)

    def freeze_encoder(self) -> None:
        """Fix the encoder: no gradients, and evaluation mode even while the model trains (its statistics stay too)."""
        self.encoder_frozen = True
        self.encoder.requires_grad_(requires_grad=False)
        self.encoder.eval()

    def recompute_gradients(self) -> None:
        """From now on, training keeps a block's input only and computes the rest again on the way back (arXiv 1604.06174).

        Less memory, a third more time, the same gradients; batch norms in a backbone count such a batch twice.

        Raises:
            UsageError: a timm backbone that cannot.
        """
        self.encoder.recompute_gradients()

    def train(self, mode: bool = True) -> DepthModel:  # noqa: FBT001, FBT002
        """As torch, except that a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.encoder_frozen:
            self.encoder.eval()
        return self

    def _save_pretrained(self, save_directory: Path) -> None:
        """What huggingface_hub's ``save_pretrained`` and ``push_to_hub`` write beside their own files."""
        write_checkpoint(save_directory, self.config, self.state_dict())

    @classmethod
    def _from_pretrained(cls, *, model_id: str, config: object = None, **download: Any) -> DepthModel:  # noqa: ARG003
        """The model of a checkpoint folder or a repository; ``download`` are the options of ``hf_hub_download``.

        Raises:
            WeightsError: the checkpoint is damaged.
        """
        folder = Path(model_id)
        if not folder.is_dir():
            hf_hub_download(model_id, DESCRIPTION, **download)
            folder = Path(hf_hub_download(model_id, TENSORS, **download)).parent
        described, tensors = read_checkpoint(folder)
        model = cls(described)
        model.load_state_dict(tensors)
        return model.eval()

    def _fitted(self, image_B3HW: Tensor) -> Tensor:
        H, W = image_B3HW.shape[-2:]
        fitted = nearest_multiples((H, W), self.size_multiple)
        if fitted == (H, W):
            return image_B3HW
        return F.interpolate(image_B3HW, size=fitted, mode="bilinear", align_corners=False)


def _build_decoder(config: DepthModelConfig, layout: EncoderLayout) -> DptDecoder | UpsampleDecoder:
    if config.decoder == "upsample":
        return UpsampleDecoder(layout, config.features, config.decoder_channels)
    return DptDecoder(layout, config.features, config.channels, config.feature_mode, config.readout)


def _build_head(config: HeadConfig, features: int) -> MetricBinsHead | RoutedBinsHead | SigmoidHead | RelativeHead:
    if isinstance(config, RoutedBinsHeadConfig):
        return RoutedBinsHead(config, features)
    if isinstance(config, MetricBinsHeadConfig):
        return MetricBinsHead(config, features)
    return SigmoidHead(config) if isinstance(config, SigmoidHeadConfig) else RelativeHead()
