# SPDX-License-Identifier: Apache-2.0
"""CSV and text lists in every dress they come in; a broken row is named by its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.nyu_list import ListedPair, read_pairs
from tests.shared_paths import shared

ROWS = [("data/a/1.jpg", "data/a/1.png"), ("data/b/2.jpg", "data/b/2.png")]


def pairs_of(path: Path, content: str) -> list[tuple[int, str, str]]:
    path.write_bytes(content.encode())
    return [(pair.line, pair.image, pair.depth) for pair in read_pairs(path)]


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("data/a/1.jpg,data/a/1.png\ndata/b/2.jpg,data/b/2.png\n", 1),
        ("data/a/1.jpg,data/a/1.png\r\ndata/b/2.jpg,data/b/2.png\r\n", 1),
        ("data/a/1.jpg,data/a/1.png\ndata/b/2.jpg,data/b/2.png", 1),
        ("\ufeffdata/a/1.jpg,data/a/1.png\ndata/b/2.jpg,data/b/2.png", 1),
        ("image,depth\r\ndata/a/1.jpg,data/a/1.png\r\ndata/b/2.jpg,data/b/2.png", 2),
        ("RGB , Depth\ndata/a/1.jpg, data/a/1.png \ndata/b/2.jpg,data/b/2.png", 2),
        ('"data/a/1.jpg","data/a/1.png"\n"data/b/2.jpg",data/b/2.png\n', 1),
        ("/data/a/1.jpg,/data/a/1.png\n//data/b/2.jpg,/data/b/2.png\n", 1),
    ],
)
def test_read_pairs__reads_csv_in_every_dress(tmp_path: Path, content: str, first: int) -> None:
    assert pairs_of(tmp_path / "a.csv", content) == [(first, *ROWS[0]), (first + 1, *ROWS[1])]


def test_read_pairs__keeps_commas_inside_quotes_and_skips_blank_lines(tmp_path: Path) -> None:
    assert pairs_of(tmp_path / "a.csv", '\n"a,1.jpg",b.png\n\n') == [(2, "a,1.jpg", "b.png")]


def test_read_pairs__reads_text_lists_with_and_without_focal_length(tmp_path: Path) -> None:
    content = "/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579\n\na/1.jpg a/1.png\n"
    assert pairs_of(tmp_path / "a.txt", content) == [
        (1, "kitchen_0028b/rgb_00045.jpg", "kitchen_0028b/sync_depth_00045.png"),
        (3, "a/1.jpg", "a/1.png"),
    ]


def test_read_pairs__reads_gzipped_lists(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a.jpg,a.png\n"))
    assert read_pairs(tmp_path / "a.csv.gz") == [ListedPair(1, "a.jpg", "a.png")]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", "a.jpg,a.png\nb.jpg\n", "2 columns.* got 1 in line 2 of .*a.csv"),
        ("a.csv", "a.jpg,a.png,518\n", "got 3 in line 1"),
        ("a.csv", "a.jpg,a.png\nb.jpg,\n", "line 2"),
        ("a.csv", "a.jpg a.png\n", "got 1 in line 1"),
        ("a.txt", "a.jpg\n", "2 or 3 columns: picture, depth, focal; got 1 in line 1"),
        ("a.txt", "a b c d\n", "got 4 in line 1"),
        ("a.csv", "", "without rows"),
        ("a.csv", "image,depth\n", "without rows"),
    ],
)
def test_read_pairs__names_the_line_that_is_wrong(tmp_path: Path, name: str, content: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        pairs_of(tmp_path / name, content)


def test_read_pairs__refuses_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.csv.gz").write_bytes(b"not gzip")
    for name, match in (("a.csv", "UTF-8"), ("b.csv.gz", "b.csv.gz"), ("gone.csv", "no such file")):
        with pytest.raises(DataError, match=match):
            read_pairs(tmp_path / name)


def test_read_pairs__any_flipped_byte_of_a_gzipped_list_is_named_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    whole = gzip.compress(b"".join(b"data/%04d.jpg data/%04d.png\n" % (i, i) for i in range(200)))
    expected = None
    refusals: list[str] = []
    for place in range(-1, len(whole)):
        spoiled = bytearray(whole)
        if place >= 0:
            spoiled[place] ^= 0xFF
        path.write_bytes(spoiled)
        try:
            pairs = read_pairs(path)
        except DataError as error:
            refusals.append(str(error))
        else:
            expected = expected or pairs
            assert pairs == expected
    assert len(refusals) > len(whole) * 0.9
    assert all(str(path) in said for said in refusals)


def test_read_pairs__refuses_an_endless_cell_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 of .*a\.csv \(field larger than field limit"):
        pairs_of(tmp_path / "a.csv", "a.jpg,a.png\n" + "b" * 131073 + ",b.png\n")


def test_read_pairs__refuses_a_path_that_cannot_be_one() -> None:
    with pytest.raises(DataError, match="null"):
        read_pairs(Path("a\0.csv"))


@pytest.mark.parametrize(
    ("file", "count", "first"),
    [
        ("nyudepthv2_train_files_with_gt.txt.gz", 24231, "kitchen_0028b/rgb_00045.jpg"),
        ("nyudepthv2_test_files_with_gt.txt", 654, "bathroom/rgb_00045.jpg"),
    ],
)
def test_read_pairs__reads_the_published_lists(file: str, count: int, first: str) -> None:
    pairs = read_pairs(shared(f"data/splits/nyu/{file}"))
    assert len(pairs) == count
    assert pairs[0].image == first
    assert not any(pair.image.startswith("/") or pair.depth.startswith("/") for pair in pairs)
