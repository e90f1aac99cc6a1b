# SPDX-License-Identifier: Apache-2.0
"""Pictures in tars come out as those in a folder do, and nothing is unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.data.request import DatasetRequest
from leadline.data.shards import Shards, open_shards
from leadline.rasters.images import read_image
from tests.data.tars import jpeg, pack, sa1b


def layout(root: Path) -> DatasetRequest:
    sa1b(root / "sa_000000.tar", first=1)
    pack(root / "sa_000001.tar", {"none.json": b"{}"})
    sa1b(root / "sa_000002.tar", first=3, count=1, folder="sa_000002/")
    return DatasetRequest(root=root)


def opened(root: Path) -> Shards:
    return open_shards(layout(root))


def test_shards__are_read_in_place_in_any_order(tmp_path: Path) -> None:
    dataset = opened(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    keys = ["sa_000000.tar/sa_1.jpg", "sa_000000.tar/sa_2.jpg", "sa_000002.tar/sa_000002/sa_3.jpg"]
    assert [dataset.key(index) for index in range(len(dataset))] == keys
    for index in (2, 0, 1):
        (tmp_path / "one.jpg").write_bytes(jpeg(index + 1))
        expected = torch.from_numpy(read_image(tmp_path / "one.jpg")).permute(2, 0, 1) / 255
        (tmp_path / "one.jpg").unlink()
        sample = dataset[index]
        assert torch.equal(sample.image, expected)
        assert (sample.key, sample.depth, sample.valid) == (keys[index], None, None)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    with pytest.raises(IndexError):
        dataset[3]
    with pytest.raises(IndexError):
        dataset[-1]


def test_shards__packed_ones_are_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sa1b(tmp_path / "a.tar.gz")
    dataset = open_shards(DatasetRequest(root=tmp_path))
    assert dataset.stored(1) == jpeg(2)
    assert dataset.stored(0) == jpeg(1)
    assert "1 of 1 tars" in caplog.text
    assert "gunzip them" in caplog.text


def test_shards__a_broken_picture_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", {"1.jpg": jpeg(1)[:-60], "2.jpg": b"", "3.jpg": b"text", "4.jpg": jpeg(4)})
    dataset = open_shards(DatasetRequest(root=tmp_path))
    for index, said in ((0, "truncated"), (1, "no bytes"), (2, "no picture")):
        with pytest.raises(DataError, match=rf"a complete picture; got a\.tar/{index + 1}\.jpg \(.*{said}"):
            dataset[index]
    assert dataset[3].image.shape == (3, 6, 8)


def test_shards__refuses_emptiness_splits_options_and_hostile_tars(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tars of pictures; got none below"):
        open_shards(DatasetRequest(root=tmp_path))
    pack(tmp_path / "a.tar", {"none.json": b"{}"})
    with pytest.raises(DataError, match="at least one sample in dataset 'shards'"):
        open_shards(DatasetRequest(root=tmp_path))
    with pytest.raises(UsageError, match="got 'train'"):
        open_shards(DatasetRequest(root=tmp_path, split="train"))
    pack(tmp_path / "b.tar", {"../1.jpg": jpeg()})
    with pytest.raises(DataError, match=r"b\.tar: '\.\./1\.jpg'"):
        open_shards(DatasetRequest(root=tmp_path))


def test_shards__a_tar_removed_later_is_named(tmp_path: Path) -> None:
    dataset = opened(tmp_path)
    (tmp_path / "sa_000000.tar").unlink()
    with pytest.raises(DataError, match=r"sa_000000\.tar \(.*No such file"):
        dataset[0]


def test_shards__says_that_many_new_tars_take_a_while_and_only_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(21):
        sa1b(tmp_path / f"{number}.tar", count=1)
    request = DatasetRequest(root=tmp_path)
    assert len(open_shards(request)) == 21
    assert "the headers of 21 tars" in caplog.text
    caplog.clear()
    assert len(open_shards(request)) == 21
    assert not caplog.records
