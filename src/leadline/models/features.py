# SPDX-License-Identifier: Apache-2.0
"""What an encoder hands to a decoder: four maps with their strides and widths, and the tokens that are no pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.models.normalisation import Normalisation


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderLayout:
    """What is known of an encoder before it sees an image.

    Attributes:
        channels: width of each map, shallow to deep.
        strides: input pixels per map pixel, shallow to deep; all equal for a plain ViT.
        prefix_tokens: tokens before the patches (class token, registers); 0 where there are none.
        class_token: True where the first of them is a class token, which stands for the whole image.
        size_multiple: input sides must be multiples of this.
        normalisation: what the input must be normalised with.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    prefix_tokens: int
    size_multiple: int
    normalisation: Normalisation
    class_token: bool = False

    @property
    def is_plain(self) -> bool:
        """True where every map has the same stride, so the decoder has to build the pyramid."""
        return len(set(self.strides)) == 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """One forward pass of an encoder; nothing in it has a unit.

    Attributes:
        maps: (B, C_i, h_i, w_i), shallow to deep.
        strides: input pixels per map pixel of each map.
        prefix: (B, P, C_i) class and register tokens of each map; empty where the encoder has none.
    """

    maps: tuple[Tensor, ...]
    strides: tuple[int, ...]
    prefix: tuple[Tensor, ...]

    @property
    def channels(self) -> tuple[int, ...]:
        """Width of each map."""
        return tuple(one.shape[1] for one in self.maps)
