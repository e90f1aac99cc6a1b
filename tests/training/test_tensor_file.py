# SPDX-License-Identifier: Apache-2.0
"""Tensors with a hash for every byte."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import StorageError
from leadline.training.tensor_file import read_tensors, write_tensors

TENSORS = {
    "w": torch.randn(5, 3),
    "half": torch.randn(4, dtype=torch.bfloat16),
    "step": torch.tensor(7.0),
    "flag": torch.tensor([True, False]),
    "none": torch.zeros(0, 3),
    "bytes": torch.arange(9, dtype=torch.uint8),
}
FACTS = {"epoch": 3, "best": 0.1 + 0.2, "name": "tiefe \u00fc", "nothing": None, "order": {"b": 1, "a": 2}}


def test_read__returns_what_was_written(tmp_path: Path) -> None:
    write_tensors(tmp_path, "state", TENSORS, FACTS)
    tensors, facts = read_tensors(tmp_path, "state")
    assert facts == FACTS
    assert list(facts["order"]) == ["b", "a"]
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_write__takes_shared_transposed_and_sliced_tensors(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    images = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    tensors = {"whole": whole, "again": whole, "turned": whole.T, "part": whole[:, 1:3], "images": images}
    write_tensors(tmp_path, "state", tensors, {})
    found, _ = read_tensors(tmp_path, "state")
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_write__is_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        write_tensors(tmp_path / name, "state", {key: t.clone() for key, t in TENSORS.items()}, FACTS)
    for file in ("state.json", "state.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("count", [400, pytest.param(0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", ["state.safetensors", "state.json"])
def test_read__notices_any_flipped_bit(tmp_path: Path, file: str, count: int) -> None:
    write_tensors(tmp_path, "state", TENSORS, FACTS)
    path = tmp_path / file
    whole = path.read_bytes()
    bits = range(len(whole) * 8)
    for bit in random.Random(1).sample(bits, count) if count else bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match=r"leadline resume .*checkpoint_best"):
            read_tensors(tmp_path, "state")
    path.write_bytes(whole)
    read_tensors(tmp_path, "state")


def test_read__names_the_damaged_tensor(tmp_path: Path) -> None:
    write_tensors(tmp_path, "state", {"first": torch.zeros(4), "second": torch.ones(4)}, {})
    path = tmp_path / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(StorageError, match="tensor 'second'"):
        read_tensors(tmp_path, "state")


def test_read__refuses_the_same_bytes_under_another_type(tmp_path: Path) -> None:
    write_tensors(tmp_path, "state", {"w": torch.zeros(4)}, {})
    path = tmp_path / "state.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"I32"'))
    with pytest.raises(StorageError, match="header"):
        read_tensors(tmp_path, "state")


@pytest.mark.parametrize("file", ["state.safetensors", "state.json"])
def test_read__refuses_a_missing_empty_or_short_file(tmp_path: Path, file: str) -> None:
    write_tensors(tmp_path, "state", TENSORS, FACTS)
    path = tmp_path / file
    whole = path.read_bytes()
    for part in (b"", whole[:5], whole[:40], whole[:-1], whole + b"\x00"):
        path.write_bytes(part)
        with pytest.raises(StorageError, match=file):
            read_tensors(tmp_path, "state")
    path.unlink()
    with pytest.raises(StorageError, match=file):
        read_tensors(tmp_path, "state")


def test_read__refuses_another_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.training.tensor_file.FORMAT", 2)
    write_tensors(tmp_path, "state", {}, {})
    monkeypatch.undo()
    assert json.loads((tmp_path / "state.json").read_text())["format"] == 2
    with pytest.raises(StorageError, match=r"format 1 .*got format 2"):
        read_tensors(tmp_path, "state")
