# SPDX-License-Identifier: Apache-2.0
"""Which files are pairs: by folder, by name, from a list; what is alone or twice is said."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.stereo_pairing import listed_pairs, pairs_by_side


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("left", "right", "name"),
    [
        ("left/7.png", "right/7.jpg", "7"),
        ("image_2/000007.png", "image_3/000007.png", "000007"),
        ("s/image_02/data/7.png", "s/image_03/data/7.png", "s/data/7"),
        ("scene/left/7.png", "scene/right/7.png", "scene/7"),
        ("left/scene/7.png", "right/scene/7.png", "scene/7"),
        ("image_left/7_left.png", "image_right/7_right.png", "7"),
        ("L/7.png", "R/7.png", "7"),
        ("a/7_L.png", "a/7_R.png", "a/7"),
        ("7-left.png", "7-right.png", "7"),
        ("left_7.png", "right_7.png", "7"),
        ("street/left.png", "street/right.png", "street"),
        ("left.png", "right.png", "pair"),
        ("left/girl_l.png", "right/girl_l.png", "girl"),
    ],
)
def test_pairs__are_found_by_folder_or_name(tmp_path: Path, left: str, right: str, name: str) -> None:
    (pair,) = pairs_by_side(touched(tmp_path, left, right))
    assert (pair.left, pair.right, pair.disparity) == (tmp_path / left, tmp_path / right, None)
    assert pair.name == name


@pytest.mark.parametrize(
    ("left", "disparity"),
    [
        ("left/7.png", "disparity/7.pfm"),
        ("left/7.png", "disparity/left/7.png"),
        ("image_2/7.png", "disp_occ_0/7.png"),
        ("a/7_L.png", "a/7_disp.npy"),
        ("a/left.png", "a/disp.pfm"),
        ("a/left.png", "a/disp_left.pfm"),
    ],
)
def test_pairs__take_the_disparity_of_the_left_picture(tmp_path: Path, left: str, disparity: str) -> None:
    right = left.replace("left", "right").replace("image_2", "image_3").replace("_L", "_R")
    touched(tmp_path, left, right, disparity, "disparity/right/7.png", "a/disp_right.pfm", "notes_disp.txt", ".left/9.png")
    assert pairs_by_side(tmp_path)[0].disparity == tmp_path / disparity


def test_pairs__are_sorted_and_what_is_alone_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touched(tmp_path, "left/2.png", "right/2.png", "left/1.png", "right/1.png", "left/3.png", "right/4.png", "other/5.png")
    with caplog.at_level(logging.WARNING):
        assert [pair.name for pair in pairs_by_side(tmp_path)] == ["1", "2"]
    assert "2 pictures below" in caplog.text
    assert "left/3.png" in caplog.text


def test_pairs__refuse_two_files_in_one_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one left file for each pair; got .*7\.jpg and .*7\.png"):
        pairs_by_side(touched(tmp_path, "left/7.png", "left/7.jpg", "right/7.png"))


def test_list__names_pairs_with_and_without_disparity(tmp_path: Path) -> None:
    listing = tmp_path / "pairs.txt"
    listing.write_text("a/1.png b/1.png\n\n/a/2.png b/2.png d/2.pfm\n")
    (first, one), (third, two) = listed_pairs(listing, tmp_path)
    assert (first, one) == ("line 1", ("a/1.png", tmp_path / "a/1.png", tmp_path / "b/1.png", None))
    assert (third, two) == ("line 3", ("a/2.png", tmp_path / "a/2.png", tmp_path / "b/2.png", tmp_path / "d/2.pfm"))


@pytest.mark.parametrize("text", ["a.png b.png\na.png c.png\n", "x.png y.png\na.png\n", "x y\na b c d\n"])
def test_list__a_broken_line_is_named(tmp_path: Path, text: str) -> None:
    listing = tmp_path / "pairs.txt"
    listing.write_text(text)
    with pytest.raises(DataError, match=r"line 2 of .*pairs\.txt"):
        listed_pairs(listing, tmp_path)


def test_list__without_lines_is_none(tmp_path: Path) -> None:
    listing = tmp_path / "pairs.txt"
    listing.write_text("\n")
    with pytest.raises(DataError, match="without lines"):
        listed_pairs(listing, tmp_path)
