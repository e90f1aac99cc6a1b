# SPDX-License-Identifier: Apache-2.0
"""Every hyper-parameter of the ``relative`` recipe beside those that recipes share.  Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from leadline.contracts.errors import require
from leadline.recipes.supervised.data_config import Objective
from leadline.recipes.supervised.network_config import NetworkConfig
from leadline.training.settings import Schedule  # torch-free as well


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativeConfig(NetworkConfig):
    """A Depth Anything network, fine-tuned or repaired for affine-invariant disparity on pictures with depth."""

    recipe: ClassVar[str] = "relative"
    learns: ClassVar[Literal["metres", "disparity"]] = "disparity"

    learn: tuple[str, ...] = ("decoder",)
    """What learns: the first words of tensor names (encoder, decoder, decoder.resize_layers.3), or `missing`: what the
    checkpoint lacks.  All else stays bit for bit."""
    objective: Objective = "affine-invariant"
    """Affine-invariant losses, as in the papers, or SILog and Sobel gradients of logarithms, as in the V2 reference."""
    ssi_weight: float = 1.0
    """Weight of the objective's first loss, of the whole map; 0 skips it."""
    grad_weight: float = 2.0
    """Weight of the objective's second loss, of gradients: 2 in Depth Anything V2; 0 skips it."""
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
        NetworkConfig.__post_init__(self)
        require(len(self.learn) > 0, "--learn with at least one name", self.learn, "e.g. --learn decoder")
        weights = (self.ssi_weight, self.grad_weight)
        require(
            min(weights) >= 0 and max(weights) > 0, "loss weights of 0 or more, not all 0", weights, "raise --ssi-weight"
        )
