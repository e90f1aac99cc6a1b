# SPDX-License-Identifier: Apache-2.0
"""Classes of DDOS: ten, each with a number of its own, and every number of a mask stands for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.data.ddos_classes import CLASS_IDS, class_ids_from, read_class_ids
from tests.data.layouts import raster

MASK = np.array([[0, 80, 100, 140, 160], [180, 200, 220, 240, 255]], np.uint8)


def test_class_ids__are_ten_and_differ() -> None:
    assert len(CLASS_IDS) == len(set(CLASS_IDS.values())) == 10
    assert sorted(CLASS_IDS.values()) == sorted(MASK.ravel().tolist())


def test_class_ids_from__replaces_what_is_named() -> None:
    assert class_ids_from("") == dict(CLASS_IDS)
    assert class_ids_from("trees=4, ultra_thin=5") == {**CLASS_IDS, "trees": 4, "ultra_thin": 5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tree=4", "a class of DDOS in class_ids: .*; got 'tree'; did you mean trees"),
        ("trees", "option class_ids CLASS=ID; got 'trees'"),
        ("trees=4,trees=5", "once for trees"),
        ("trees=-1", "a number from 0 to 65535 for class trees; got '-1'"),
        ("trees=65536", "a number from 0 to 65535"),
        ("trees=0", "a number of its own for every class of DDOS; got 0 for both trees and background"),
    ],
)
def test_class_ids_from__refuses_what_cannot_be_meant(words: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        class_ids_from(words)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_read_class_ids__takes_one_channel_or_several_alike(tmp_path: Path, channels: int) -> None:
    stored = MASK if channels == 1 else np.dstack([MASK] * 3 + [np.full_like(MASK, 255)] * (channels == 4))
    ids = read_class_ids(raster(tmp_path / "0.png", stored), (2, 5), CLASS_IDS)
    assert ids.dtype == torch.int32
    assert ids.tolist() == MASK.tolist()


def test_read_class_ids__keeps_sixteen_bits(tmp_path: Path) -> None:
    path = raster(tmp_path / "0.png", MASK.astype(np.uint16))
    assert read_class_ids(path, (2, 5), CLASS_IDS).tolist() == MASK.tolist()


def test_read_class_ids__coloured_resized_and_unknown_masks_are_one_line(tmp_path: Path) -> None:
    coloured = np.dstack([MASK, MASK, MASK[::-1]])
    with pytest.raises(DataError, match=r"a raster of one channel.*c\.png with channels R\+G\+B"):
        read_class_ids(raster(tmp_path / "c.png", coloured), (2, 5), CLASS_IDS)
    path = raster(tmp_path / "0.png", MASK)
    with pytest.raises(DataError, match=r"4x5 \(height x width\); got 2x5 in .*0\.png"):
        read_class_ids(path, (4, 5), CLASS_IDS)
    with pytest.raises(DataError, match=r"class numbers out of .*; got 180 in .*0\.png; .*class_ids=CLASS=ID"):
        read_class_ids(path, (2, 5), {**CLASS_IDS, "trees": 4})
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"0\.png"):
        read_class_ids(path, (2, 5), CLASS_IDS)
