# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from leadline.models.tensor_writing import save_tensors


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_save_tensors__gives_the_file_the_permissions_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        save_tensors({"a": torch.ones(2)}, tmp_path / "file.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.safetensors").stat().st_mode) == 0o666 & ~mask
    assert [one.name for one in tmp_path.iterdir()] == ["file.safetensors"]


def test_save_tensors__keeps_numbers_and_metadata(tmp_path: Path) -> None:
    save_tensors({"a": torch.arange(3)}, tmp_path / "file.safetensors", metadata={"format": "pt"})
    with safe_open(tmp_path / "file.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert file.get_tensor("a").tolist() == [0, 1, 2]
