# SPDX-License-Identifier: Apache-2.0
"""An array of an HDF5 file is read, or the file is refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import leadline.data.hdf5_file as hdf5_file
from leadline.contracts.errors import DataError, MissingExtraError
from leadline.data.hdf5_file import read_hdf5_array
from tests.data.layouts import hdf5


def test_read_hdf5_array__gives_the_numbers_as_they_are(tmp_path: Path) -> None:
    values = np.array([[1.5, np.nan], [3.0, -2.0]], np.float16)
    read = read_hdf5_array(hdf5(tmp_path / "a.hdf5", values))
    assert read.dtype == np.float16
    assert np.array_equal(read, values, equal_nan=True)


def test_read_hdf5_array__refuses_missing_empty_foreign_and_truncated_files(tmp_path: Path) -> None:
    stored = hdf5(tmp_path / "whole.hdf5", np.random.default_rng(0).random((90, 90))).read_bytes()
    for name, content in (("empty", b""), ("foreign", b"text"), ("cut", stored[: len(stored) // 2])):
        (tmp_path / f"{name}.hdf5").write_bytes(content)
    for name in ("empty", "foreign", "cut", "gone"):
        with pytest.raises(DataError, match=rf"the array 'dataset'; got .*{name}\.hdf5") as caught:
            read_hdf5_array(tmp_path / f"{name}.hdf5")
        assert "\n" not in str(caught.value)


def test_read_hdf5_array__refuses_text_another_name_and_giants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hdf5(tmp_path / "a.hdf5", np.array([b"text"]))
    with pytest.raises(DataError, match="no array of numbers"):
        read_hdf5_array(path)
    with pytest.raises(DataError, match="the array 'other'"):
        read_hdf5_array(path, "other")
    monkeypatch.setattr(hdf5_file, "MAX_PIXELS", 1)
    with pytest.raises(DataError, match="too large a one"):
        read_hdf5_array(hdf5(tmp_path / "b.hdf5", np.zeros((2, 2))))


def test_read_hdf5_array__without_h5py_names_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[hypersim\]'"):
        read_hdf5_array(tmp_path / "a.hdf5")
