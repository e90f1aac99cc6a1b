# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.contracts.manifest import LabelLine
from leadline.data.label_folder import ShardRecord, manifest_path, read_manifest_lines, read_record, tar_path
from leadline.labelling import shard as module
from leadline.labelling.job import begin_or_join
from leadline.labelling.shard import label_shard
from leadline.rasters.images import decode_image
from leadline.rasters.label_codec import decode_label
from tests.labelling.toys import FACTS, ToyLabels, content, encoded, jpeg, request_for, shards_of, write_pictures, write_tar


def label_one(images: Path, out: Path, **changes: Any) -> tuple[ShardRecord, list[LabelLine]]:
    request = request_for(images, out, pictures_per_shard=100, **changes)
    job = begin_or_join(request, FACTS)
    record = label_shard(ToyLabels(), shards_of(request)[0], request, job)
    return record, list(read_manifest_lines(manifest_path(out, 0)))


@pytest.mark.parametrize("dtype", ["uint16", "fp16"])
def test_label_shard__writes_a_label_and_a_line_per_picture(tmp_path: Path, dtype: str) -> None:
    images = write_pictures(tmp_path / "pictures")
    record, lines = label_one(images, tmp_path / "out", dtype=dtype)
    assert [line.image for line in lines] == ["000.jpg", "002.jpg", "004.jpg", *(f"inner/{i:03}.jpg" for i in (1, 3, 5))]
    assert (record.pictures, record.labels, record.unreadable) == (6, 6, 0)
    assert read_record(manifest_path(tmp_path / "out", 0)) == record
    stored = tar_path(tmp_path / "out", 0).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == record.tar_sha256
    for line in lines:
        picture = (images / line.image).read_bytes()
        assert line.image_sha256 == hashlib.sha256(picture).hexdigest()
        assert line.label_start is not None
        assert line.label_bytes is not None
        data = stored[line.label_start : line.label_start + line.label_bytes]
        assert line.label_sha256 == hashlib.sha256(data).hexdigest()
        values, valid = decode_label(data, dtype=dtype, scale=line.scale or 0, offset=line.offset or 0, name="")  # type: ignore[arg-type]
        expected = ToyLabels().label([decode_image(picture, "")])[0].values
        assert values.shape == line.label_size_px == expected.shape
        assert np.abs(values - expected).max() < 0.02
        assert valid.all()


def test_label_shard__tar_names_its_members_after_the_pictures_and_nobody_else(tmp_path: Path) -> None:
    label_one(write_pictures(tmp_path / "pictures"), tmp_path / "out")
    with tarfile.open(tar_path(tmp_path / "out", 0)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members][::3] == ["000.png", "inner/001.png"]
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, 0, "", "")}


def test_label_shard__twice_is_the_same_bytes(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures")
    for name in ("a", "b"):
        label_one(images, tmp_path / name)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    label_one(images, tmp_path / "a")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_label_shard__of_a_tar_is_named_without_the_tar(tmp_path: Path) -> None:
    write_tar(tmp_path / "tars" / "sa_0.tar", {"sa_1.jpg": jpeg(1), "sa_1.json": b"{}", "deep/sa_2.jpg": jpeg(2)})
    record, lines = label_one(tmp_path / "tars", tmp_path / "out")
    assert [line.label for line in lines] == ["sa_1.png", "deep/sa_2.png"]
    assert record.shard == "sa_0.tar"
    assert (record.first, record.last) == ("sa_0.tar/sa_1.jpg", "sa_0.tar/deep/sa_2.jpg")


def test_label_shard__names_an_unreadable_picture_and_goes_on(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 3)
    (images / "001b.jpg").write_bytes(b"no picture")
    (images / "empty.png").write_bytes(b"")
    record, lines = label_one(images, tmp_path / "out")
    assert (record.pictures, record.labels, record.unreadable) == (5, 3, 2)
    broken = [line for line in lines if line.error]
    assert [line.image for line in broken] == ["001b.jpg", "empty.png"]
    assert "001b.jpg" in (broken[0].error or "")
    assert all(line.label is None and line.quality is None for line in broken)


def test_label_shard__stops_at_an_unreadable_picture_where_told_to_and_leaves_nothing(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 3)
    (images / "001b.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"001b\.jpg"):
        label_one(images, tmp_path / "out", on_unreadable="stop")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["labels.json"]


def test_label_shard__flags_all_sky_and_constant_and_drops_them_only_on_demand(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 2)
    (images / "sky.png").write_bytes(encoded(np.zeros((20, 30, 3), np.uint8), "PNG"))
    (images / "wall.png").write_bytes(encoded(np.full((20, 30, 3), 90, np.uint8), "PNG"))
    kept, lines = label_one(images, tmp_path / "kept")
    assert (kept.labels, kept.dropped, kept.dead, kept.all_sky) == (4, 0, 2, 1)
    dropped, lines = label_one(images, tmp_path / "dropped", drop_dead=True)
    assert (dropped.pictures, dropped.labels, dropped.dropped, dropped.dead) == (4, 2, 2, 2)
    by_name = {line.image: line for line in lines}
    assert by_name["sky.png"].label is None
    assert "dead" in (by_name["sky.png"].dropped or "")
    assert by_name["sky.png"].quality is not None


def test_label_shard__refuses_two_labels_of_one_name(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 2)
    request = request_for(images, tmp_path / "out")
    job = begin_or_join(request, FACTS)

    class Twins:
        name, index, count = "twins", 0, 2

        def pictures(self) -> Any:
            yield from (("a.jpg", jpeg(0)), ("a.png", jpeg(1)))

    with pytest.raises(DataError, match=r"a\.jpg and a\.png"):
        label_shard(ToyLabels(), Twins(), request, job)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_label_shard__groups_pictures_by_their_place_in_the_shard_alone(tmp_path: Path, size: int) -> None:
    seen: list[int] = []

    class Counting(ToyLabels):
        def label(self, pictures: Any) -> Any:
            seen.append(len(pictures))
            return super().label(pictures)

    images = write_pictures(tmp_path / "pictures", 5)
    request = request_for(images, tmp_path / "out", pictures_per_shard=100, batch_size=size)
    told: list[int] = []
    label_shard(Counting(), shards_of(request)[0], request, begin_or_join(request, FACTS), told.append)
    assert seen == told == [size] * (5 // size) + [5 % size] * (5 % size > 0)


def test_label_shard__killed_before_the_manifest_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    images = write_pictures(tmp_path / "pictures")
    monkeypatch.setattr(module, "write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        label_one(images, tmp_path / "out")
    assert sorted(content(tmp_path / "out")) == ["labels.json", "shard-000000.tar"]
