# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``relative`` recipe beside those that recipes share.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from leadline.contracts.errors import require
from leadline.recipes.supervised.data_config import DataConfig, Objective
from leadline.training.settings import Schedule  # torch-free as well


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativeConfig(DataConfig):
    """A Depth Anything network, fine-tuned or repaired for affine-invariant disparity on pictures with depth."""

    recipe: ClassVar[str] = "relative"
    learns: ClassVar[Literal["metres", "disparity"]] = "disparity"

    encoder: str = "vits"
    """vits, vitb, vitl, vitg (DINOv2 with the Depth Anything taps), or timm:NAME for any timm backbone."""
    taps: Literal["v2", "v1"] = "v2"
    """Which blocks of a DINOv2 encoder are tapped: Depth Anything V2's spread ones, or V1's last four."""
    decoder_features: int | None = None
    """Channels of the DPT decoder; None takes the encoder's published table."""
    learn: tuple[str, ...] = ("decoder",)
    """What learns: the first words of tensor names (encoder, decoder, decoder.resize_layers.3), or `missing`: what the
    checkpoint lacks.  All else stays bit for bit."""
    encoder_lr_factor: float = 10.0
    """The encoder, where it learns, learns at lr / factor."""
    objective: Objective = "affine-invariant"
    """Affine-invariant losses, as in the papers, or SILog and Sobel gradients of logarithms, as in the V2 reference."""
    ssi_weight: float = 1.0
    """Weight of the objective's first loss, of the whole map; 0 skips it."""
    grad_weight: float = 2.0
    """Weight of the objective's second loss, of gradients: 2 in Depth Anything V2; 0 skips it."""
    pretrained_checkpoint: str = ""
    """Weights to start from: ours, official Depth Anything (V1, V2), DINOv2, npz, safetensors."""
    pretrained_version: Literal["auto", "v1", "v2"] = "auto"
    """Which Depth Anything a bare file is, where its name does not say."""
    init: Literal["encoder", "all"] = "all"
    """What is taken of --pretrained-checkpoint: the encoder, or all that fits."""

    lr: float = 1e-3
    """Learning rate of what learns."""
    schedule: Schedule = "onecycle"
    """Learning-rate schedule."""
    datasets: tuple[str, ...] = ("labelled_folder",)
    """What to train on (leadline list datasets).  ibims and da2k are benchmarks: they are validated on, not trained on."""
    target_size: tuple[int, ...] = (518,)
    """Training size: side, or height and width; rounded to the encoder's patch with a message."""
    max_depth: float = 80.0
    """Metres; truth farther than this is not counted."""

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        require(self.encoder_lr_factor > 0, "--encoder-lr-factor above 0", self.encoder_lr_factor, "e.g. 10")
        require(len(self.learn) > 0, "--learn with at least one name", self.learn, "e.g. --learn decoder")
        weights = (self.ssi_weight, self.grad_weight)
        require(
            min(weights) >= 0 and max(weights) > 0, "loss weights of 0 or more, not all 0", weights, "raise --ssi-weight"
        )
