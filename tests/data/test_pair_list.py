# SPDX-License-Identifier: Apache-2.0
"""Lists with their author's folders in front become rows below the dataset's root."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.nyu_list import ListedPair
from leadline.data.pair_list import read_official_pairs

SCENE = re.compile(r"Scene\d+")


def test_read_official_pairs__cuts_what_stands_before_the_scene(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "/mnt/me/vKitti2/Scene20/fog/1.jpg /mnt/me/vKitti2/Scene20/fog/1.png\nScene01/2.jpg Scene01/2.png\n"
    )
    assert read_official_pairs(tmp_path / "a.txt", first_folder=SCENE, example="Scene01") == [
        ListedPair(1, "Scene20/fog/1.jpg", "Scene20/fog/1.png"),
        ListedPair(2, "Scene01/2.jpg", "Scene01/2.png"),
    ]


@pytest.mark.parametrize("bad", ["other/1.jpg", "Scene1x/1.jpg", "Scene01/../../1.jpg"])
def test_read_official_pairs__names_the_line_that_is_not_of_this_dataset(tmp_path: Path, bad: str) -> None:
    (tmp_path / "a.txt").write_text(f"Scene01/1.jpg Scene01/1.png\n{bad} Scene01/1.png\n")
    with pytest.raises(DataError, match=rf"such as Scene01, in them; got '{re.escape(bad)}' in line 2 of .*a\.txt"):
        read_official_pairs(tmp_path / "a.txt", first_folder=SCENE, example="Scene01")
