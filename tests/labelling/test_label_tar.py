# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.labelling.label_tar import MemberNames, label_tar


def test_label_tar__says_where_each_member_lies_and_digests_the_whole(tmp_path: Path) -> None:
    members = {"a.png": b"x" * 10, "deep/b.png": b"", "n" * 150 + "é.png": b"y" * 1024, "last.png": b"z" * 513}
    with label_tar(tmp_path / "t.tar") as tar:
        starts = {name: tar.add(name, data) for name, data in members.items()}
    stored = (tmp_path / "t.tar").read_bytes()
    assert tar.sha256 == hashlib.sha256(stored).hexdigest()
    for name, data in members.items():
        assert stored[starts[name] : starts[name] + len(data)] == data
    with tarfile.open(tmp_path / "t.tar") as archive:
        assert {one.name: archive.extractfile(one).read() for one in archive} == members  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("key", "member"),
    [
        ("s.tar/sa_7.jpg", "sa_7.png"),
        ("other.tar/sa_7.jpg", "other.tar/sa_7.png"),
        ("a.b.jpg", "a.b.png"),
        ("../../etc/x.jpg", "etc/x.png"),
        ("/abs/x.jpg", "abs/x.png"),
    ],
)
def test_member_names__are_the_pictures_and_stay_below_the_tar(key: str, member: str) -> None:
    assert MemberNames("s.tar", ".png").of(key) == member


def test_member_names__refuses_a_second_picture_of_a_name() -> None:
    names = MemberNames("s", ".png")
    names.of("a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg and a\.png"):
        names.of("a.png")
