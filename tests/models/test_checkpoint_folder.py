# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import json
import os
import pathlib
import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from leadline.contracts.errors import LeadlineError, StorageError, WeightsError
from leadline.models.checkpoint_folder import (
    DESCRIPTION,
    TENSORS,
    _checksum,
    family_of,
    read_checkpoint,
    read_checkpoint_tensors,
    read_stereo_checkpoint,
    write_checkpoint,
)
from leadline.models.config import DepthModelConfig
from leadline.models.stereo.config import StereoModelConfig
from leadline.models.tensor_writing import save_tensors

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


def test_checkpoint__of_a_stereo_network_comes_back_and_says_its_family(folder: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "stereo", StereoModelConfig(levels=7), CONTENT)
    config, tensors = read_stereo_checkpoint(tmp_path / "stereo")
    assert config == StereoModelConfig(levels=7)
    assert (family_of(tmp_path / "stereo"), family_of(folder)) == ("stereo", "depth")
    for place in (tmp_path / "stereo", folder):
        assert read_checkpoint_tensors(place).keys() == tensors.keys() == CONTENT.keys()
    assert "family" not in json.loads((folder / DESCRIPTION).read_text())  # what earlier versions read stays as it was


def test_checkpoint__of_one_family_is_refused_as_the_other(folder: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "stereo", StereoModelConfig(), CONTENT)
    with pytest.raises(WeightsError, match=r"expected a depth model in .*; got a stereo network"):
        read_checkpoint(tmp_path / "stereo")
    with pytest.raises(WeightsError, match=r"expected a stereo network in .*; got a depth model"):
        read_stereo_checkpoint(folder)


def test_checkpoint__of_a_family_of_later_versions_is_refused(folder: Path) -> None:
    description = json.loads((folder / DESCRIPTION).read_text())
    description.pop("checksum")
    description["family"] = "light-field"
    (folder / DESCRIPTION).write_text(json.dumps(description | {"checksum": _checksum(description)}))
    for reader in (family_of, read_checkpoint, read_stereo_checkpoint):
        with pytest.raises(WeightsError, match="of 'light-field'; update leadline"):
            reader(folder)


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
    save_tensors(tensors, folder / TENSORS)
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

    monkeypatch.setattr("leadline.models.checkpoint_folder.save_tensors", refuse)
    with pytest.raises(StorageError, match="No space left"):
        write_checkpoint(folder, CONFIG, {"a": torch.zeros(1)})
    assert read_checkpoint(folder)[1].keys() == CONTENT.keys()
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("name", ["a\0b", "a" * 300])
def test_write_checkpoint__a_name_that_cannot_be_is_a_storage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match="choose another folder"):
        write_checkpoint(tmp_path / name, CONFIG, CONTENT)


def test_read_checkpoint__endless_nesting_is_damage(folder: Path) -> None:
    (folder / DESCRIPTION).write_text("[" * 99_999)
    with pytest.raises(WeightsError, match="unreadable content"):
        read_checkpoint(folder)


def test_write_checkpoint__a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="choose another folder"):
        write_checkpoint(tmp_path / "file" / "checkpoint", CONFIG, CONTENT)


NEW = {"a": torch.full((2, 2), 5.0)}
CALLS = ((os, "open"), (os, "fsync"), (os, "replace"), (os, "unlink"), (pathlib.Path, "write_text"))


def failing_at(number: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[str]:
    """From now on, let the call ``number`` (from 0) to the file system fail; the names of the calls so far."""
    calls: list[str] = []

    def counted(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            calls.append(name)
            if len(calls) == number + 1:
                raise error
            return original(*arguments, **named)

        return call

    for owner, name in CALLS:
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    monkeypatch.setattr("leadline.models.checkpoint_folder.save_tensors", counted("save_tensors", save_tensors))
    return calls


def values_of(folder: Path) -> dict[str, Tensor]:
    return read_checkpoint(folder)[1]


def is_whole(folder: Path) -> bool:
    tensors = values_of(folder)
    return any(
        tensors.keys() == one.keys() and all(torch.equal(tensors[name], one[name]) for name in one) for one in (CONTENT, NEW)
    )


def test_write_checkpoint__a_failure_at_any_call_leaves_the_old_or_the_new_one(tmp_path: Path) -> None:
    failed: list[str] = []
    messages: list[str] = []
    for number in itertools.count():
        write_checkpoint(tmp_path / str(number), CONFIG, CONTENT)
        with pytest.MonkeyPatch.context() as patch:
            calls = failing_at(number, patch, OSError(28, "No space left on device"))
            try:
                write_checkpoint(tmp_path / str(number), CONFIG, NEW)
            except StorageError as error:
                messages.append(str(error))
                failed.append(calls[number])
            if len(calls) <= number:
                break
        assert is_whole(tmp_path / str(number)), calls
        assert not list((tmp_path / str(number)).glob("*.partial.*")), calls
        write_checkpoint(tmp_path / str(number), CONFIG, NEW)
        assert values_of(tmp_path / str(number)).keys() == NEW.keys()
    assert all("No space left" in said for said in messages)
    assert failed.count("replace") == 3
    assert failed.count("fsync") == 5
    assert {"save_tensors", "write_text"} <= set(failed)


def test_write_checkpoint__killed_between_its_renames_is_still_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.replace
    for survived in range(4):
        folder = tmp_path / str(survived)
        write_checkpoint(folder, CONFIG, CONTENT)
        done: list[object] = []

        def until_killed(source: Path, target: Path, *, done: list[object] = done, allowed: int = survived) -> None:
            if len(done) < allowed:
                done.append(target)
                rename(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", until_killed)
            write_checkpoint(folder, CONFIG, NEW)
        assert is_whole(folder)
        assert (values_of(folder).keys() == NEW.keys()) == (survived >= 2)
