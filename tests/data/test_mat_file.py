# SPDX-License-Identifier: Apache-2.0
"""A variable of a MATLAB file is read, or the file is refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.data.mat_file import read_mat_variable


def test_read_mat_variable__returns_the_array(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": np.array([[1.0, 2.0]]), "y": 3})
    assert read_mat_variable(tmp_path / "a.mat", "x").tolist() == [[1.0, 2.0]]


def test_read_mat_variable__refuses_missing_empty_foreign_and_truncated_files(tmp_path: Path) -> None:
    savemat(tmp_path / "whole.mat", {"x": np.random.default_rng(0).random((50, 50))}, do_compression=True)
    stored = (tmp_path / "whole.mat").read_bytes()
    for name, content in (
        ("empty", b""),
        ("foreign", b"MATLAB 5.0 but not really" * 20),
        ("cut", stored[: len(stored) // 2]),
    ):
        (tmp_path / f"{name}.mat").write_bytes(content)
    for name in ("empty", "foreign", "cut", "gone"):
        with pytest.raises(DataError, match=rf"variable 'x'; got .*{name}\.mat"):
            read_mat_variable(tmp_path / f"{name}.mat", "x")


def test_read_mat_variable__refuses_a_file_without_it(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"y": 3})
    with pytest.raises(DataError, match="variable 'x'"):
        read_mat_variable(tmp_path / "a.mat", "x")


def test_read_mat_variable__without_scipy_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[mat\]'"):
        read_mat_variable(tmp_path / "a.mat", "x")
