# SPDX-License-Identifier: Apache-2.0
"""The stored TiO-Depth decoder: its weights, the feature maps it was given and what the released code made of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from leadline.models.stereo.config import StereoModelConfig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.matching import FeatureMatching
from leadline.models.stereo.official_names import OFFICIAL_DECODER, decoder_name
from leadline.models.stereo.stereo_model import StereoModel
from leadline.models.stereo.volume_decoder import VolumeDecoder
from tests.shared_paths import stored as stored_arrays

Name = Literal["tio_decoder", "tio_decoder_wide"]
View = Literal["s", "o"]
SIZES: dict[Name, tuple[int, int]] = {"tio_decoder": (32, 256), "tio_decoder_wide": (32, 384)}
FEATURE_CHANNELS = (8, 12, 16, 24)
# An encoder of just these widths; the decoder is run on stored maps, so that it never sees an image.
TOY = StereoModelConfig(pyramid=PyramidConfig(encoder="dinov2-toy", base_stride=2), decoder_channels=(16, 16, 32, 32))


@cache
def stored(name: Name) -> dict[str, Tensor]:
    return {key: torch.from_numpy(array) for key, array in stored_arrays(name).items()}


def weights() -> dict[str, Tensor]:
    """The stored decoder under our names, with a model's prefix."""
    prefix = "w._convs."
    official = {key: tensor for key, tensor in stored("tio_decoder").items() if key.startswith(prefix)}
    named = {decoder_name(OFFICIAL_DECODER + key.removeprefix(prefix)): tensor for key, tensor in official.items()}
    assert None not in named
    return {str(key): tensor for key, tensor in named.items()}


def model(*, parity: bool = True) -> StereoModel:
    """A toy encoder in front of the stored decoder, in evaluation mode."""
    built = StereoModel(replace(TOY, parity=parity))
    found = built.load_state_dict(weights(), strict=False)
    assert not found.unexpected_keys
    assert all("pyramid" in key or key.endswith("num_batches_tracked") for key in found.missing_keys)
    return built.eval()


def features(name: Name, view: View, item: int | slice = slice(None)) -> tuple[Tensor, ...]:
    """Feature maps of the target ("s") or the other view ("o"), fine to coarse; of one picture, still as a batch."""
    chosen = slice(item, item + 1) if isinstance(item, int) else item
    return tuple(stored(name)[f"in.feat_{view}{level}"][chosen] for level in range(4))


class EachItsWay(nn.Module):
    """Stored batches hold a left and a right target; ours go one way each, and only matching knows the way."""

    def __init__(self, matching: FeatureMatching, directions: list[int]) -> None:
        super().__init__()
        self.matching, self.directions = matching, directions

    def forward(self, *, target: Tensor, other: Tensor, width_px: int, direction: int) -> tuple[Tensor, Tensor]:
        ways = zip(target[:, None], other[:, None], self.directions, strict=True)
        found = [self.matching(target=t, other=o, width_px=width_px, direction=direction * way) for t, o, way in ways]
        return torch.cat([one[0] for one in found]), torch.cat([one[1] for one in found])


def each_its_way(decoder: VolumeDecoder, name: Name) -> None:
    """Let every picture of a stored batch have its own direction, in place."""
    directions = [int(way) for way in stored(name)["in.direct"]]
    for level, matching in decoder.matching.items():
        decoder.matching[level] = EachItsWay(matching, directions)  # type: ignore[arg-type]
