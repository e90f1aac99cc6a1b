# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path, PurePath

import pytest
from PIL import Image

from leadline.contracts.errors import DataError, UsageError
from leadline.inference.stereo.pair_inputs import pair_up


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / name)
    return root


def names(root: Path, left: str, right: str) -> list[tuple[str, str]]:
    pairs = pair_up([root / left], root / right)
    return [(str(one.left.path.relative_to(root)), str(one.right.relative_to(root))) for one in pairs]


def test_pair_up__one_picture_with_one(tmp_path: Path) -> None:
    made(tmp_path, "a.png", "elsewhere/b.png")
    assert names(tmp_path, "a.png", "elsewhere/b.png") == [("a.png", "elsewhere/b.png")]


def test_pair_up__equal_names_below_two_folders_whatever_their_endings(tmp_path: Path) -> None:
    made(tmp_path, "image_2/x/1.png", "image_2/2.png", "image_3/x/1.jpg", "image_3/2.png", "image_3/3.png")
    assert names(tmp_path, "image_2", "image_3") == [
        ("image_2/2.png", "image_3/2.png"),
        ("image_2/x/1.png", "image_3/x/1.jpg"),
    ]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("7_L", "7_R"),
        ("7-left", "7-right"),
        ("left_7", "right_7"),
        ("left", "right"),
        ("l7/1", "l7/1"),
        ("Left/1", "Right/1"),
    ],
)
def test_pair_up__names_that_say_the_side(left: str, right: str, tmp_path: Path) -> None:
    made(tmp_path, f"one/{left}.png", f"two/{right}.png")
    assert names(tmp_path, "one", "two") == [(f"one/{left}.png", f"two/{right}.png")]


def test_pair_up__a_left_picture_beside_the_right_one_is_not_its_own_partner(tmp_path: Path) -> None:
    made(tmp_path, "left.png", "right.png")
    pairs = pair_up([tmp_path / "left.png"], tmp_path)
    assert [one.right.name for one in pairs] == ["right.png"]
    assert pairs[0].left.stem == PurePath("left")
    assert pairs[0].rig is None


def test_pair_up__names_the_left_picture_without_partner(tmp_path: Path) -> None:
    made(tmp_path, "l/1.png", "l/2_L.png", "r/1.png")
    with pytest.raises(DataError, match=r"one right picture for .*l/2_L\.png in .*r; got none called 2_R or 2_L"):
        pair_up([tmp_path / "l"], tmp_path / "r")


def test_pair_up__names_two_right_pictures_of_one_left(tmp_path: Path) -> None:
    made(tmp_path, "l/1.png", "r/1.png", "r/1.jpg")
    with pytest.raises(DataError, match=r"r/1\.(png|jpg) and .*r/1\.(png|jpg); remove one"):
        pair_up([tmp_path / "l"], tmp_path / "r")


def test_pair_up__refuses_one_right_picture_for_two_left_ones(tmp_path: Path) -> None:
    made(tmp_path, "l/1.png", "l/2.png", "r.png")
    with pytest.raises(UsageError, match="a folder of right pictures for several left ones"):
        pair_up([tmp_path / "l"], tmp_path / "r.png")


def test_pair_up__refuses_a_right_side_that_is_not_there(tmp_path: Path) -> None:
    made(tmp_path, "1.png")
    with pytest.raises(DataError, match=r"gone, which does not exist"):
        pair_up([tmp_path / "1.png"], tmp_path / "gone")
