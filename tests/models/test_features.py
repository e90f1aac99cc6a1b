# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch

from leadline.models.features import EncoderLayout, Features
from leadline.models.normalisation import IMAGENET


def layout(strides: tuple[int, ...]) -> EncoderLayout:
    return EncoderLayout(
        channels=(1, 2, 3, 4), strides=strides, prefix_tokens=0, size_multiple=max(strides), normalisation=IMAGENET
    )


def test_layout__is_plain_where_all_strides_agree() -> None:
    assert layout((14, 14, 14, 14)).is_plain
    assert not layout((4, 8, 16, 32)).is_plain


def test_features__know_their_widths() -> None:
    maps = (torch.zeros(1, 5, 2, 2), torch.zeros(1, 7, 1, 1))
    assert Features(maps=maps, strides=(4, 8), prefix=()).channels == (5, 7)
