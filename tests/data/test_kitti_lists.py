# SPDX-License-Identifier: Apache-2.0
"""KITTI's published lists: the real ones have their counts and checksums; others, and what overlaps, are warned of."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.kitti_drives import KittiFrame, read_frame_list
from leadline.data.kitti_lists import (
    EIGEN_TEST_DRIVES,
    LISTS,
    as_pairs,
    checksum,
    find_list,
    read_known_list,
    warn_of_shared,
    warn_of_test_drives,
)
from tests.data.kitti_raw import DRIVES
from tests.shared_paths import shared

TIO = "data/splits/kitti_tio"


def frame(drive: int, number: int, eye: str = "l") -> KittiFrame:
    return KittiFrame(DRIVES[drive][:10], DRIVES[drive], "image_02" if eye == "l" else "image_03", number)


def named(*frames: KittiFrame) -> list[tuple[str, KittiFrame]]:
    return [(f"line {line}", one) for line, one in enumerate(frames, start=1)]


@pytest.mark.parametrize("name", [name for name in LISTS if not name.startswith("benchmark")])
def test_list__the_real_one_has_its_count_and_checksum(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path = find_list(name, [shared(TIO)])
    with caplog.at_level(logging.WARNING):
        frames = read_known_list(name, path)
    assert not caplog.records
    assert len(frames) == len({one for _, one in frames}) == LISTS[name].lines


def test_list__eigen_train_is_both_eyes_of_tio_train_and_shares_no_drive_with_the_test() -> None:
    full, tio, tested, every = (
        read_frame_list(find_list(name, [shared(TIO)]))
        for name in ("eigen_full/train", "tio/train", "eigen", "tio_all/train")
    )
    assert {one for _, one in as_pairs(full)} == {one for _, one in tio}
    assert len(as_pairs(full)) == 22600
    assert {one.drive for _, one in tested} == EIGEN_TEST_DRIVES
    assert len(EIGEN_TEST_DRIVES) == 28
    assert not {one.drive for _, one in full} & EIGEN_TEST_DRIVES
    assert len({one.drive for _, one in every} & EIGEN_TEST_DRIVES) == 14
    improved = {one for _, one in read_frame_list(find_list("improved", [shared(TIO)]))}
    assert improved < {one for _, one in tested}


def test_list__eigen_val_is_888_pairs_that_are_not_trained_on() -> None:
    train, val = (read_frame_list(find_list(f"eigen_full/{part}", [shared(TIO)])) for part in ("train", "val"))
    assert len(as_pairs(val)) == 888
    assert not {one for _, one in as_pairs(val)} & {one for _, one in as_pairs(train)}


def test_find_list__looks_where_the_references_keep_them_and_takes_gzip(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"eigen_full/val, called eigen_full/val_files.txt or val_list.txt; got none in .*a, .*b"
    ):
        find_list("eigen_full/val", [tmp_path / "a", tmp_path / "b"])
    deep = tmp_path / "b/splits/eigen_full/val_files.txt"
    deep.parent.mkdir(parents=True)
    deep.touch()
    assert find_list("eigen_full/val", [tmp_path / "a", tmp_path / "b"]) == deep
    near = tmp_path / "a/val_list.txt.gz"
    near.parent.mkdir()
    near.write_bytes(gzip.compress(b""))
    assert find_list("tio/val", [tmp_path / "a", tmp_path / "b"]) == near


def test_read_known_list__says_when_a_list_is_not_the_published_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "val_list.txt"
    path.write_text(f"2011_09_26/{DRIVES[0]} 3 l\n")
    with caplog.at_level(logging.WARNING):
        assert len(read_known_list("tio/val", path)) == 1
    assert "has 1 lines, the published list tio/val has 1776" in caplog.text
    caplog.clear()
    path.write_text("".join(f"2011_09_26/{DRIVES[0]} {number} l\n" for number in range(1776)))
    with caplog.at_level(logging.WARNING):
        read_known_list("tio/val", path)
    assert "but other frames" in caplog.text


def test_checksum__knows_frames_whatever_their_order_and_spelling() -> None:
    one, other = frame(0, 3), frame(0, 4, "r")
    assert checksum([one, other]) == checksum([other, one, one])
    assert len({checksum(frames) for frames in ([one], [other], [frame(0, 4)], [frame(1, 4)])}) == 4


def test_as_pairs__both_eyes_are_one_pair_at_the_first_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        pairs = as_pairs(named(frame(0, 3, "r"), frame(1, 3), frame(0, 3), frame(1, 4, "r")))
    assert pairs == [("line 1", frame(0, 3)), ("line 2", frame(1, 3)), ("line 4", frame(1, 4))]
    assert "4 lines name 3 pairs" in caplog.text


def test_warnings__of_test_drives_and_of_shared_frames(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_test_drives([frame(0, 1), frame(2, 1)], "mine.txt")
        warn_of_shared([frame(0, 1)], [frame(0, 2)], "val.txt")
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        warn_of_test_drives([frame(0, 1), frame(1, 1), frame(1, 2)], "mine.txt")
        warn_of_shared([frame(0, 1), frame(0, 2)], [frame(0, 2)], "val.txt")
    assert "1 of the 2 drives of mine.txt are scenes of Eigen's test list" in caplog.text
    assert "1 of the 2 validation frames of val.txt are trained on as well" in caplog.text
