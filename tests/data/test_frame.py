# SPDX-License-Identifier: Apache-2.0
"""A picture and its depth become one sample of one size, or an error that names both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.data.decoding import Decoded, decode_linear
from leadline.data.frame import (
    Frame,
    effective_root,
    image_tensor,
    missing_files,
    pinhole,
    read_frame,
    require_files,
    require_some,
)
from tests.data.layouts import picture, ramp16, raster


def millimetres(raw: NDArray[Any], path: Path) -> Decoded:  # noqa: ARG001
    return decode_linear(raw, scale=0.001)


def test_read_frame__puts_picture_and_depth_together(tmp_path: Path) -> None:
    frame = Frame("a", picture(tmp_path / "a.png"), raster(tmp_path / "d.png", ramp16()))
    camera = pinhole(focal_px=(10, 11), centre_px=(4, 3))
    sample = read_frame(frame, millimetres, dataset="toy", kind=DepthKind.SCALE_INVARIANT, camera=camera)
    assert (sample.key, sample.dataset, sample.kind, sample.camera) == ("a", "toy", DepthKind.SCALE_INVARIANT, camera)
    assert sample.image.shape == (3, 6, 8)
    assert sample.depth is not None
    assert sample.valid is not None
    assert (sample.depth.dtype, sample.valid.dtype) == (torch.float32, torch.bool)
    assert sample.depth[1, 0] == torch.tensor(1.008)
    assert not sample.valid[0, 0]
    assert int(sample.valid.sum()) == 47


def test_read_frame__names_both_sizes_when_they_differ(tmp_path: Path) -> None:
    frame = Frame("a", picture(tmp_path / "a.png"), raster(tmp_path / "d.png", ramp16(3, 4)))
    with pytest.raises(DataError, match=r"6x8 .*; got 3x4 in .*d\.png for .*a\.png"):
        read_frame(frame, millimetres, dataset="toy")


def test_read_frame__repeats_depth_pixels_when_asked(tmp_path: Path) -> None:
    frame = Frame("a", picture(tmp_path / "a.png"), raster(tmp_path / "d.png", ramp16(3, 4)))
    sample = read_frame(frame, millimetres, dataset="toy", depth_size="resize_depth")
    assert sample.depth is not None
    assert sample.valid is not None
    expected = torch.from_numpy(decode_linear(ramp16(3, 4), scale=0.001)[0]).repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert torch.equal(sample.depth, expected)
    assert int((~sample.valid).sum()) == 4


def test_image_tensor__divides_by_255_exactly() -> None:
    rgb = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = image_tensor(rgb)
    assert image.shape == (3, 16, 16)
    assert torch.equal(image[1].reshape(-1), torch.arange(256, dtype=torch.float32) / 255)


def test_image_tensor__keeps_channels_in_order() -> None:
    assert image_tensor(np.array([[[255, 0, 51]]], np.uint8)).reshape(3).tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_pinhole__lays_out_the_matrix() -> None:
    assert pinhole(focal_px=(1, 2), centre_px=(3, 4)).matrix.tolist() == [[1, 0, 3], [0, 2, 4], [0, 0, 1]]


def test_effective_root__accepts_the_folder_the_paths_start_with(tmp_path: Path) -> None:
    (tmp_path / "data" / "x").mkdir(parents=True)
    (tmp_path / "data" / "x" / "a.png").touch()
    assert effective_root(tmp_path, "data/x/a.png") == tmp_path
    assert effective_root(tmp_path / "data", "data/x/a.png") == tmp_path.resolve()
    assert effective_root(tmp_path / "data", "data/x/gone.png") == tmp_path / "data"


def test_missing_files__lists_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(5):
        (tmp_path / f"{index}.png").touch()
    listed: list[Path] = []
    real = os.listdir

    def counted(folder: Path) -> list[str]:
        listed.append(folder)
        return real(folder)

    monkeypatch.setattr(os, "listdir", counted)
    paths = [tmp_path / f"{index}.png" for index in (0, 7, 4)] + [tmp_path / "gone" / "0.png"]
    assert missing_files(paths) == [1, 3]
    assert len(listed) == 2


def test_require_files__names_the_first_missing_its_place_and_the_count(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    paths, places = [tmp_path / name for name in ("a", "b", "c")], ["line 1", "line 2", "line 3"]
    with pytest.raises(DataError, match=r"2 of 3 missing, the first at line 2: .*/b"):
        require_files(paths, places, listing="list.csv", root=tmp_path)
    require_files(paths[:1], places[:1], listing="list.csv", root=tmp_path)


def test_require_some__refuses_emptiness() -> None:
    require_some(1, dataset="toy", where="here")
    with pytest.raises(DataError, match="got none in here"):
        require_some(0, dataset="toy", where="here")


@pytest.mark.parametrize("name", ["a" * 300 + "/b.png", "a\0b/c.png", "\ud800/c.png"])
def test_require_files__takes_names_that_cannot_be_for_missing(tmp_path: Path, name: str) -> None:
    assert effective_root(tmp_path, name) == tmp_path
    assert missing_files([tmp_path / name]) == [0]
