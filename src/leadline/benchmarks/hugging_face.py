# SPDX-License-Identifier: Apache-2.0
"""Nothing enters; the Depth Anything network of Hugging Face transformers, and ours with the very same weights, leave."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from leadline.contracts.errors import ContractError, MissingExtraError
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.encoder_sizes import DINOV2_SIZES
from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.weights import initialise_from

MAX_DEPTH_M = 20  # an integer to transformers; of the metric indoor release


class HuggingFaceDepthAnything(nn.Module):
    """Metric Depth Anything V2 Small as transformers implements it, with random weights; (B,3,H,W) -> (B,H,W) metres.

    The default ``DepthAnythingConfig`` is the Small network of V1; V2 reads other blocks, counted from 1 here.  Convolutions
    start as He et al. (2015) do, for transformers' own start lets every picture have nearly the same depth, and two networks
    that say nothing agree too easily.  Attention is transformers' default.

    Raises:
        MissingExtraError: transformers is not installed.
    """

    def __init__(self) -> None:
        try:
            from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
        except ImportError as error:
            raise MissingExtraError(
                expected="the package transformers, the peer of this benchmark",
                got="no such package",
                remedy="pip install 'leadline[test]'",
            ) from error
        super().__init__()
        size, taps = DINOV2_SIZES["vits"], DINOV2_SIZES["vits"].taps
        backbone = Dinov2Config(
            hidden_size=size.dim,
            num_hidden_layers=size.depth,
            num_attention_heads=size.heads,
            image_size=518,
            patch_size=14,
            out_indices=[tap + 1 for tap in taps],
            reshape_hidden_states=False,
        )
        config = DepthAnythingConfig(backbone_config=backbone, depth_estimation_type="metric", max_depth=MAX_DEPTH_M)
        self.network = DepthAnythingForDepthEstimation(config)
        for module in self.network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        with torch.no_grad():  # else the sigmoid starts where it is flat
            self.network.head.conv3.weight.mul_(0.02)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Normalised (B,3,H,W), sides multiples of 14 -> (B,H,W) metres."""
        return self.network(pixel_values=image_B3HW).predicted_depth  # type: ignore[no-any-return]


def with_the_same_weights(peer: HuggingFaceDepthAnything) -> DepthModel:
    """Our network holding the peer's weights; position embeddings are resampled by transformers' rule, not DINOv2's.

    Raises:
        ContractError: a parameter of ours found no counterpart, so the two networks would not be the same.
    """
    model = DepthModel(
        DepthModelConfig(encoder="vits", position_rule="size", head=SigmoidHeadConfig(max_depth_m=MAX_DEPTH_M))
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "peer.safetensors"
        save_file({name: value.contiguous() for name, value in peer.network.state_dict().items()}, file)
        report = initialise_from(model, file, version="v2")
    if report.missing or report.mismatched:
        lacking = ", ".join([*report.missing, *report.mismatched][:3])
        raise ContractError(
            expected="the peer's weights to fill our network",
            got=f"nothing for {lacking}",
            remedy="report it, with the version of transformers",
        )
    return model
