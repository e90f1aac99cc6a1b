# SPDX-License-Identifier: Apache-2.0
"""An image's embedding enters, the vector that joint-embedding losses judge leaves (LeJEPA, arXiv 2511.08544)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from leadline.contracts.errors import UsageError, require
from leadline.models.requirements import require_one_of

Activation = Literal["relu", "gelu"]
HiddenNorm = Literal["batch", "layer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectorConfig:
    """The layers between an encoder's embedding and the loss.

    Attributes:
        dim: width of the output; LeJEPA's best are 16 to 512.
        hidden: width of the layers before it.
        layers: linear maps, the last one included; LeJEPA found 3 far better than 1, the JEPA-depth reference has 2.
        activation: after each hidden norm: "relu" as in LeJEPA, "gelu" as in the JEPA-depth reference.
        hidden_norm: "batch" as in both, by the statistics of a forward pass on one device; "layer" does not look at the
            other images, so that gradients accumulate exactly and a batch of one is no mistake.
        output_norm: a batch norm without parameters behind it all, as the reference has.  It brings every dimension to mean
            0 and variance 1 by itself, and so takes from SIGReg most of what that would see to.
    """

    dim: int = 512
    hidden: int = 2048
    layers: int = 3
    activation: Activation = "relu"
    hidden_norm: HiddenNorm = "batch"
    output_norm: bool = False

    def __post_init__(self) -> None:
        for flag, value in (("dim", self.dim), ("hidden", self.hidden), ("layers", self.layers)):
            require(value >= 1, f"--proj-{flag} of at least 1", value, f"correct --proj-{flag}")
        require_one_of(self.activation, get_args(Activation))
        require_one_of(self.hidden_norm, get_args(HiddenNorm))

    @property
    def looks_across_images(self) -> bool:
        """True where one image's output depends on the others of its batch while training."""
        return self.output_norm or (self.layers > 1 and self.hidden_norm == "batch")


class Projector(nn.Module):
    """Linear maps with norm and activation between them.

    Tensor names are those of the JEPA-depth reference under ``net.`` for its ``proj.``.

    Args:
        in_features: width of the embedding.
        config: its layers.
    """

    def __init__(self, in_features: int, config: ProjectorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        width = in_features
        for _ in range(config.layers - 1):
            norm = nn.BatchNorm1d(config.hidden) if config.hidden_norm == "batch" else nn.LayerNorm(config.hidden)
            layers += (nn.Linear(width, config.hidden), norm, nn.ReLU() if config.activation == "relu" else nn.GELU())
            width = config.hidden
        layers.append(nn.Linear(width, config.dim))
        if config.output_norm:
            layers.append(nn.BatchNorm1d(config.dim, affine=False))
        self.net = nn.Sequential(*layers)

    def forward(self, embedding_BC: Tensor) -> Tensor:
        """(B,C) -> (B,dim), no unit.

        Raises:
            UsageError: one image alone, while training with a norm over the batch, which has no spread to divide by.
        """
        if self.training and self.config.looks_across_images and embedding_BC.shape[0] < 2:
            raise UsageError(
                expected="at least 2 images in a batch, for the batch norm of the projector",
                got=str(embedding_BC.shape[0]),
                remedy="raise --batch-size, or leave the joint-embedding loss out with --jepa-weight 0",
            )
        projected: Tensor = self.net(embedding_BC)
        return projected
