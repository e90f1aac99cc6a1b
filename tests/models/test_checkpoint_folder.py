# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from leadline.contracts.errors import LeadlineError, StorageError, WeightsError
from leadline.models.checkpoint_folder import DESCRIPTION, TENSORS, read_checkpoint, write_checkpoint
from leadline.models.config import DepthModelConfig

CONFIG = DepthModelConfig(encoder="dinov2-toy")
CONTENT = {
    "a": torch.randn(3, 4).t(),
    "b": torch.tensor(7),
    "c": torch.randn(5).bfloat16(),
    "d": torch.zeros(0, 2),
    "e": torch.tensor([True, False]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "checkpoint", CONFIG, CONTENT)
    return tmp_path / "checkpoint"


@pytest.fixture
def _tiny_disk() -> Iterator[None]:
    """Files may not grow beyond 100 bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_checkpoint__comes_back_to_the_bit(folder: Path) -> None:
    config, tensors = read_checkpoint(folder)
    assert config == CONFIG
    assert tensors.keys() == CONTENT.keys()
    assert all(torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in CONTENT.items())


def test_checkpoint__is_two_files_and_nothing_temporary(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [DESCRIPTION, TENSORS]
    description = json.loads((folder / DESCRIPTION).read_text())
    assert (description["format"], description["kind"]) == (1, "affine_disparity")
    assert len(description["tensors"]["a"]["sha256"]) == 64


def test_read_checkpoint__one_flipped_bit_names_the_tensor(folder: Path) -> None:
    path = folder / TENSORS
    raw = bytearray(path.read_bytes())
    start = raw.index(CONTENT["a"].contiguous().numpy().tobytes())
    raw[start + 17] ^= 0b100
    path.write_bytes(raw)
    with pytest.raises(WeightsError, match="tensor a with other bytes"):
        read_checkpoint(folder)


def test_read_checkpoint__any_flipped_bit_is_noticed(folder: Path) -> None:
    draw, refusals = random.Random(3), []
    for name in (TENSORS, DESCRIPTION):
        whole = (folder / name).read_bytes()
        for _ in range(150):
            spoiled = bytearray(whole)
            spoiled[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
            (folder / name).write_bytes(spoiled)
            try:
                config, tensors = read_checkpoint(folder)
            except LeadlineError as error:
                refusals.append(str(error))
            else:  # a bit of white space or of padding may flip without a change of meaning
                assert config == CONFIG
                assert all(torch.equal(tensors[key], value) for key, value in CONTENT.items())
        (folder / name).write_bytes(whole)
    assert len(refusals) > 250
    assert not any("\n" in said for said in refusals)


def test_read_checkpoint__a_changed_setting_is_noticed(folder: Path) -> None:
    path = folder / DESCRIPTION
    path.write_text(path.read_text().replace("dinov2-toy", "dinov2-tiny"))
    with pytest.raises(WeightsError, match="differs from what was saved"):
        read_checkpoint(folder)


@pytest.mark.parametrize(("lost", "said"), [(True, "tensor b missing"), (False, "tensor x that was never saved")])
def test_read_checkpoint__a_lost_or_added_tensor_is_named(folder: Path, lost: bool, said: str) -> None:
    tensors: dict[str, Tensor] = load_file(folder / TENSORS)
    if lost:
        del tensors["b"]
    else:
        tensors["x"] = torch.ones(1)
    save_file(tensors, folder / TENSORS)
    with pytest.raises(WeightsError, match=said):
        read_checkpoint(folder)


def test_read_checkpoint__a_later_format_asks_for_an_update(folder: Path) -> None:
    path = folder / DESCRIPTION
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(WeightsError, match="update leadline"):
        read_checkpoint(folder)


@pytest.mark.usefixtures("_tiny_disk")
def test_write_checkpoint__a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="free space there"):
        write_checkpoint(tmp_path / "full", CONFIG, {"a": torch.zeros(1000)})
    assert list((tmp_path / "full").iterdir()) == []


def test_write_checkpoint__a_failed_write_leaves_the_old_one_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object, path: Path) -> None:
        path.write_bytes(b"half a")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("leadline.models.checkpoint_folder.save_file", refuse)
    with pytest.raises(StorageError, match="No space left"):
        write_checkpoint(folder, CONFIG, {"a": torch.zeros(1)})
    assert read_checkpoint(folder)[1].keys() == CONTENT.keys()
    assert len(list(folder.iterdir())) == 2


def test_write_checkpoint__a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="choose another folder"):
        write_checkpoint(tmp_path / "file" / "checkpoint", CONFIG, CONTENT)
