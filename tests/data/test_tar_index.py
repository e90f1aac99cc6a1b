# SPDX-License-Identifier: Apache-2.0
"""Pictures of a tar are found where they lie; a tar that is broken or hostile is refused in one line."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.tar_index import is_packed, open_stream, read_member, scan_tar
from tests.data.tars import jpeg, pack, sa1b


def header(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])
@pytest.mark.parametrize("folder", ["", "./", "sa_000000/", "deep/er/"])
def test_scan_tar__finds_the_pictures_and_nothing_else(tmp_path: Path, name: str, folder: str) -> None:
    tar = sa1b(tmp_path / name, count=3, folder=folder)
    index = scan_tar(tar)
    below = folder.removeprefix("./")
    assert [index.name(i) for i in range(len(index))] == [f"{below}sa_{n}.jpg" for n in (1, 2, 3)]
    with open_stream(tar) as stream:
        for which in (2, 0, 1):
            assert read_member(stream, tar, index, which) == jpeg(which + 1)


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_scan_tar__reads_long_and_foreign_names(tmp_path: Path, style: int) -> None:
    names = [f"{'long/' * 30}a.jpg", "été/海.JPG"]
    with tarfile.open(tmp_path / "a.tar", "w", format=style) as archive:
        archive.addfile(header("folder", tarfile.DIRTYPE))
        for name in names:
            made = header(name)
            made.size = 3
            archive.addfile(made, io.BytesIO(name[-5:-2].encode()[:3].ljust(3)))
    index = scan_tar(tmp_path / "a.tar")
    assert [index.name(i) for i in range(len(index))] == names
    assert index.sizes.tolist() == [3, 3]


def test_scan_tar__leaves_hidden_members_folders_and_other_endings(tmp_path: Path) -> None:
    tar = pack(
        tmp_path / "a.tar",
        {"._a.jpg": b"", ".trash/b.jpg": b"", "c.json": b"{}", "d.txt": b"", "e.PNG": b"x"},
        header("f.jpg", tarfile.DIRTYPE),
    )
    index = scan_tar(tar)
    assert [index.name(i) for i in range(len(index))] == ["e.PNG"]


def test_scan_tar__of_no_pictures_is_empty(tmp_path: Path) -> None:
    assert len(scan_tar(pack(tmp_path / "a.tar", {"a.json": b"{}"}))) == 0


@pytest.mark.parametrize(
    "name", ["/etc/a.jpg", "../a.jpg", "a/../../b.jpg", "a\\..\\b.jpg", "a\nb.jpg", "/x.json", "../x.json"]
)
def test_scan_tar__refuses_paths_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    tar = pack(tmp_path / "bad.tar", {"good.jpg": b"x", name: b"x"})
    with pytest.raises(DataError, match=r"a path that leads elsewhere.*bad\.tar: ") as caught:
        scan_tar(tar)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "link to '/etc/passwd'"),
        (tarfile.LNKTYPE, "link to '/etc/passwd'"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
        (tarfile.GNUTYPE_SPARSE, "a file with holes"),
    ],
)
def test_scan_tar__refuses_links_and_devices(tmp_path: Path, kind: bytes, said: str) -> None:
    tar = pack(tmp_path / "bad.tar", {"good.jpg": b"x"}, header("odd.jpg", kind, "/etc/passwd"))
    with pytest.raises(DataError, match=rf"{said} in .*bad\.tar: 'odd\.jpg'"):
        scan_tar(tar)


def test_scan_tar__refuses_pictures_whose_labels_would_share_a_name(tmp_path: Path) -> None:
    for number, members in enumerate(({"a/1.jpg": b"x", "b/1.jpg": b"y"}, {"1.jpg": b"x", "1.png": b"y"})):
        tar = pack(tmp_path / f"{number}.tar", members)
        first, second = members
        with pytest.raises(DataError, match=rf"one picture per file name.*'{first}' and '{second}' in .*{number}\.tar"):
            scan_tar(tar)
    with tarfile.open(tmp_path / "twice.tar", "w") as archive:
        for _ in range(2):
            archive.addfile(header("1.jpg"))
    with pytest.raises(DataError, match=r"'1\.jpg' and '1\.jpg'"):
        scan_tar(tmp_path / "twice.tar")


@pytest.mark.parametrize("kept", [0, 100, 512, 700, 1024, 1536, 2048])
def test_scan_tar__refuses_a_tar_that_breaks_off_anywhere(tmp_path: Path, kept: int) -> None:
    whole = pack(tmp_path / "whole.tar", {"a.jpg": b"x" * 600, "b.jpg": b"y" * 600}).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:kept])
    with pytest.raises(DataError, match=r"a complete tar of pictures; got .*cut\.tar"):
        scan_tar(tmp_path / "cut.tar")


def test_scan_tar__refuses_a_packed_tar_that_breaks_off_or_fails_its_checksum(tmp_path: Path) -> None:
    whole = sa1b(tmp_path / "whole.tar.gz").read_bytes()
    for name, stored in (("cut", whole[: len(whole) // 2]), ("sum", whole[:-6] + b"\0\0\0\0\0\0"), ("plain", b"no gzip")):
        (tmp_path / f"{name}.tar.gz").write_bytes(stored)
        with pytest.raises(DataError, match=rf"a complete tar of pictures; got .*{name}\.tar\.gz"):
            scan_tar(tmp_path / f"{name}.tar.gz")


def test_scan_tar__refuses_a_damaged_header_in_the_middle(tmp_path: Path) -> None:
    stored = bytearray(pack(tmp_path / "a.tar", {"a.jpg": b"x", "b.jpg": b"y"}).read_bytes())
    stored[1024:1030] = b"######"
    (tmp_path / "a.tar").write_bytes(bytes(stored))
    with pytest.raises(DataError, match="no header where one must be, at byte 1024"):
        scan_tar(tmp_path / "a.tar")


def test_scan_tar__refuses_a_negative_size_that_would_lead_back(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "loop.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(header("a.json"))
        archive.addfile(header("b.json"))
        made = header("c.json")
        made.size = -1024  # the next header would be that of b.json, for ever
        archive.addfile(made)
    with pytest.raises(DataError, match=r"got .*loop\.tar \(member 'c\.json' of negative size\)"):
        scan_tar(tmp_path / "loop.tar")


def test_scan_tar__names_a_tar_that_is_missing_or_none(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("not a tar at all" * 100)
    for name in ("text.tar", "gone.tar"):
        with pytest.raises(DataError, match=rf"got .*{name}"):
            scan_tar(tmp_path / name)


def test_read_member__notices_a_tar_that_has_shrunk(tmp_path: Path) -> None:
    tar = sa1b(tmp_path / "a.tar")
    index = scan_tar(tar)
    tar.write_bytes(tar.read_bytes()[:600])
    with open_stream(tar) as stream, pytest.raises(DataError, match=r"it ends within sa_2\.jpg"):
        read_member(stream, tar, index, 1)


def test_is_packed__goes_by_the_ending() -> None:
    assert [is_packed(Path(name)) for name in ("a.tar", "A.TAR", "a.tar.gz", "a.tgz")] == [False, False, True, True]
