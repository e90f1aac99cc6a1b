# SPDX-License-Identifier: Apache-2.0
"""Collections are cut into shards without being opened; a shard hands out keys and bytes."""

from __future__ import annotations

import pickle
import time
import tracemalloc
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.data.image_folder import open_image_folder
from leadline.data.picture_shards import PictureShard, picture_shards
from leadline.data.request import DatasetRequest
from leadline.data.shards import open_shards
from tests.data.layouts import picture
from tests.data.tars import jpeg, sa1b


def names_and_counts(shards: list[PictureShard]) -> list[tuple[str, int, int | None]]:
    return [(shard.name, shard.index, shard.count) for shard in shards]


def test_picture_shards__of_tars_are_the_tars(tmp_path: Path) -> None:
    sa1b(tmp_path / "sa_000001.tar", first=10)
    sa1b(tmp_path / "sa_000000.tar", first=1)
    sa1b(tmp_path / "more" / "sa_000002.tar.gz", first=20, folder="inside/")
    (tmp_path / "links.tsv").write_text("file_name\tcdn_link\n")
    shards = picture_shards(tmp_path, pictures_per_shard=1)
    assert names_and_counts(shards) == [
        ("more/sa_000002.tar.gz", 0, None),
        ("sa_000000.tar", 1, None),
        ("sa_000001.tar", 2, None),
    ]
    assert list(shards[0].pictures()) == [
        (f"more/sa_000002.tar.gz/inside/sa_{number}.jpg", jpeg(number)) for number in (20, 21)
    ]
    dataset = open_shards(DatasetRequest(root=tmp_path))
    assert [key for shard in shards for key, _ in shard.pictures()] == [dataset.key(i) for i in range(len(dataset))]


def test_picture_shards__of_one_tar_are_one(tmp_path: Path) -> None:
    (shard,) = picture_shards(sa1b(tmp_path / "a.tar"), pictures_per_shard=9)
    assert [key for key, _ in shard.pictures()] == ["a.tar/sa_1.jpg", "a.tar/sa_2.jpg"]


def test_picture_shards__cut_a_folder_into_runs_of_its_sorted_paths(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(5):
        picture(tmp_path / f"{index % 2}" / f"{index}.png", seed=index)
    (tmp_path / "readme.txt").write_text("")
    shards = picture_shards(tmp_path, pictures_per_shard=2)
    assert names_and_counts(shards) == [("folder-000000", 0, 2), ("folder-000001", 1, 2), ("folder-000002", 2, 1)]
    handed = [pair for shard in shards for pair in pickle.loads(pickle.dumps(shard)).pictures()]
    assert [key for key, _ in handed] == ["0/0.png", "0/2.png", "0/4.png", "1/1.png", "1/3.png"]
    assert all(stored == (tmp_path / key).read_bytes() for key, stored in handed)
    assert ["1 files" in record.getMessage() for record in caplog.records] == [True]
    dataset = open_image_folder(DatasetRequest(root=tmp_path))
    assert [dataset.key(i) for i in range(len(dataset))] == [key for key, _ in handed]


def test_picture_shards__a_picture_that_went_away_comes_without_bytes_and_the_others_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(3):
        picture(tmp_path / f"{index}.png")
    (shard,) = picture_shards(tmp_path, pictures_per_shard=9)
    (tmp_path / "1.png").unlink()
    assert [bool(stored) for _, stored in shard.pictures()] == [True, False, True]
    assert "cannot read" in caplog.text


def test_picture_shards__a_bad_tar_yields_nothing_before_it_is_refused(tmp_path: Path) -> None:
    tar = sa1b(tmp_path / "a.tar", count=4)
    tar.write_bytes(tar.read_bytes()[:-11000])
    (shard,) = picture_shards(tmp_path, pictures_per_shard=9)
    with pytest.raises(DataError, match=r"a complete tar of pictures; got .*a\.tar"):
        next(shard.pictures())


def test_picture_shards__refuses_equal_stems_mixtures_emptiness_and_nonsense(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png")
    picture(tmp_path / "a" / "1.jpg")
    picture(tmp_path / "b" / "1.png")
    with pytest.raises(DataError, match=r"one picture per name.*got a/1\.jpg and a/1\.png"):
        picture_shards(tmp_path, pictures_per_shard=9)
    sa1b(tmp_path / "x.tar")
    with pytest.raises(DataError, match="both pictures and tars"):
        picture_shards(tmp_path, pictures_per_shard=9)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "data.gz").write_bytes(b"")
    with pytest.raises(DataError, match="neither in"):
        picture_shards(tmp_path / "empty", pictures_per_shard=9)
    for source in (tmp_path / "gone", tmp_path / "a" / "1.png"):
        with pytest.raises(UsageError, match="a folder of pictures or of tars, or one tar"):
            picture_shards(source, pictures_per_shard=9)
    with pytest.raises(UsageError, match="at least one picture per shard; got 0"):
        picture_shards(tmp_path, pictures_per_shard=0)


def test_picture_shards__of_thousands_of_tars_are_planned_without_opening_them(tmp_path: Path) -> None:
    for index in range(6200):
        (tmp_path / f"sa_{index:06d}.tar").write_bytes(b"not even a tar")
    tracemalloc.start()
    began = time.perf_counter()
    shards = picture_shards(tmp_path, pictures_per_shard=1000)
    seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(shards) == 6200
    assert seconds < 5
    assert peak < 30e6
