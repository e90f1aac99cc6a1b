# SPDX-License-Identifier: Apache-2.0
"""The struct of an iBims-1 .mat file is read whole or refused by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.data.ibims_mat import read_mat_scene
from tests.data.layouts import ibims_mat


def test_read_mat_scene__reads_the_transposed_calibration(tmp_path: Path) -> None:
    ibims_mat(tmp_path)
    scene = read_mat_scene(tmp_path, "corridor_01")
    assert scene.calibration == (550.5, 551.5, 4.5, 3.5)
    assert scene.rgb.dtype == np.uint8
    assert scene.depth_m.dtype == np.float32
    assert set(scene.plane_labels) == {"wall", "floor"}
    assert scene.plane_normals["floor"].shape == (0, 3)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"depth": None}, "depth"),
        ({"depth": np.ones((3, 4))}, "sizes"),
        ({"mask_wall": np.ones((3, 4))}, "sizes"),
        ({"calib": np.ones((1, 4))}, "calibration"),
        ({"rgb": np.ones((6, 8), np.uint8)}, "sizes"),
        ({"rgb": np.full((6, 8, 3), 0.5)}, "no uint8"),
        ({"rgb": np.full((6, 8, 3), 256)}, "no uint8"),
        ({"rgb": "text"}, "field"),
        ({"depth": "text"}, "field"),
        ({"depth": np.ones((6, 8), complex)}, "field"),
        ({"depth": np.zeros((6, 8), object)}, "field"),
        ({"mask_wall": np.full((6, 8), np.nan)}, "no int32"),
        ({"mask_wall_paras": np.ones((1, 3))}, "field"),
        ({"calib": np.eye(3) * np.nan}, "calibration"),
        ({"calib": np.zeros((3, 3))}, "calibration"),
    ],
)
def test_read_mat_scene__refuses_incomplete_structs(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    ibims_mat(tmp_path, **changes)
    with pytest.raises(DataError, match=match) as caught:
        read_mat_scene(tmp_path, "corridor_01")
    assert "corridor_01.mat" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 but not really" * 20])
def test_read_mat_scene__refuses_foreign_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mat"):
        read_mat_scene(tmp_path, "a")


def test_read_mat_scene__refuses_a_file_without_the_struct(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"other": 1})
    savemat(tmp_path / "b.mat", {"data": np.ones((2, 2))})
    for name in ("a", "b"):
        with pytest.raises(DataError, match=r"'data'; got .*[ab]\.mat"):
            read_mat_scene(tmp_path, name)


def test_read_mat_scene__without_scipy_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ibims_mat(tmp_path)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[mat\]'"):
        read_mat_scene(tmp_path, "corridor_01")
