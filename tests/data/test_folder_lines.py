# SPDX-License-Identifier: Apache-2.0
"""A folder without a manifest stands for the lines that its names and options say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.contracts.manifest import ManifestLine
from leadline.data.folder_lines import LabelledFolderSettings, lines_by_name
from tests.data.layouts import picture, ramp16, raster


def test_lines_by_name__says_what_names_and_options_say(tmp_path: Path) -> None:
    picture(tmp_path / "rgb" / "1.jpg")
    raster(tmp_path / "depth" / "1.png", ramp16())
    plain = ManifestLine(image="rgb/1.jpg", depth="depth/1.png", scale=0.001)
    assert lines_by_name(tmp_path, LabelledFolderSettings()) == [plain]
    settings = LabelledFolderSettings(
        scale="-2", kind="affine_disparity", invalid_values="0,65535", intrinsics_px="9,-9,4,3"
    )
    assert lines_by_name(tmp_path, settings) == [
        dataclasses.replace(
            plain,
            scale=-2.0,
            kind=DepthKind.AFFINE_DISPARITY,
            invalid_values=(0.0, 65535.0),
            intrinsics_px=(9.0, -9.0, 4.0, 3.0),
        )
    ]
    assert lines_by_name(tmp_path, LabelledFolderSettings(invalid_values=""))[0].invalid_values == ()


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint16, 0.001), (np.uint32, 0.001), (np.float32, 1.0), (np.float64, 1.0)])
def test_lines_by_name__guesses_the_scale_from_the_type_of_numbers(tmp_path: Path, dtype: type, scale: float) -> None:
    picture(tmp_path / "rgb" / "1.jpg")
    (tmp_path / "depth").mkdir()
    np.save(tmp_path / "depth" / "1.npy", np.ones((6, 8), dtype))
    assert lines_by_name(tmp_path, LabelledFolderSettings())[0].scale == scale
    assert lines_by_name(tmp_path, LabelledFolderSettings(kind="affine_depth"))[0].scale == 1.0


def test_lines_by_name__asks_for_the_scale_of_eight_bits_and_finds_nothing_in_an_empty_folder(tmp_path: Path) -> None:
    assert lines_by_name(tmp_path, LabelledFolderSettings()) == []
    picture(tmp_path / "rgb" / "1.jpg")
    raster(tmp_path / "depth" / "1.png", np.full((6, 8), 128, np.uint8))
    with pytest.raises(DataError, match="more than 8 bits"):
        lines_by_name(tmp_path, LabelledFolderSettings())
