# SPDX-License-Identifier: Apache-2.0
"""DA-2K's points stay (row, column), the nearer one is the named one, and no depth is invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS
from leadline.data.da2k import open_da2k
from leadline.data.request import DatasetRequest
from tests.data.layouts import da2k, picture


def layout(root: Path) -> DatasetRequest:
    da2k(root)
    return DatasetRequest(root=root)


def test_da2k__is_sorted_and_knows_its_scenes(tmp_path: Path) -> None:
    da2k(tmp_path)
    dataset = open_da2k(DatasetRequest(root=tmp_path))
    assert [dataset.key(i) for i in range(3)] == ["images/indoor/a.jpg", "images/indoor/c.jpg", "images/outdoor/b.jpg"]
    assert [dataset.scene(i) for i in range(3)] == ["indoor", "indoor", "outdoor"]
    assert dataset.provides == {Field.IMAGE, Field.ORDINAL}


def test_da2k__puts_the_named_point_first(tmp_path: Path) -> None:
    da2k(tmp_path)
    sample = open_da2k(DatasetRequest(root=tmp_path, split="test"))[2]
    assert sample.depth is None
    assert sample.valid is None
    assert sample.ordinal is not None
    assert sample.ordinal.nearer_rc.tolist() == [[1, 7], [3, 4]]
    assert sample.ordinal.farther_rc.tolist() == [[5, 2], [0, 0]]
    assert sample.ordinal.valid.tolist() == [True, True]


def test_da2k__refuses_points_outside_the_picture(tmp_path: Path) -> None:
    pair = {"point1": [7, 1], "point2": [1, 1], "closer_point": "point1"}  # (column, row) by mistake: 6 rows, 8 columns
    da2k(tmp_path, {"images/indoor/a.jpg": [pair]})
    with pytest.raises(DataError, match=r"6x8 .*got \[\[7, 1\], \[1, 1\]\] for .*a\.jpg"):
        open_da2k(DatasetRequest(root=tmp_path))[0]


@pytest.mark.parametrize(("point", "inside"), [([5, 7], True), ([6, 0], False), ([0, 8], False), ([-1, 0], False)])
def test_da2k__knows_the_last_row_and_column(tmp_path: Path, point: list[int], inside: bool) -> None:
    da2k(tmp_path, {"images/indoor/a.jpg": [{"point1": point, "point2": [0, 0], "closer_point": "point1"}]})
    dataset = open_da2k(DatasetRequest(root=tmp_path))
    if inside:
        ordinal = dataset[0].ordinal
        assert ordinal is not None
        assert ordinal.nearer_rc.tolist() == [point]
    else:
        with pytest.raises(DataError, match="inside the picture"):
            dataset[0]


GOOD = {"point1": [1, 1], "point2": [2, 2], "closer_point": "point1"}


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        "text",
        [GOOD, {**GOOD, "closer_point": "point3"}],
        [{**GOOD, "point1": [1]}],
        [{**GOOD, "point2": [1, 2.5]}],
        [{**GOOD, "point2": [1, "2"]}],
        [{**GOOD, "point2": [1, float("nan")]}],
        [{**GOOD, "point2": [1, 10**400]}],
        [{**GOOD, "point2": [-(10**400), 1]}],
        [{**GOOD, "point2": [1, 1e300]}],
        [{**GOOD, "point2": [1, 2**63]}],
        [{"point1": [1, 1], "closer_point": "point1"}],
        [[1, 2]],
    ],
)
def test_da2k__names_the_picture_whose_pairs_are_broken(tmp_path: Path, pairs: Any) -> None:
    da2k(tmp_path, {"images/indoor/fine.jpg": [GOOD], "images/indoor/odd.jpg": pairs})
    with pytest.raises(DataError, match=r"'images/indoor/odd\.jpg' in .*annotations\.json"):
        open_da2k(DatasetRequest(root=tmp_path))


def test_da2k__names_broken_json_missing_pictures_and_emptiness(tmp_path: Path) -> None:
    for content, match in (
        ("{", "broken at line 1"),
        ("[]", "with a list"),
        ("{}", "at least one sample"),
        ('{"a": ' + "9" * 5000 + "}", "4300 digits"),
        ("[" * 100_000, "recursion"),
    ):
        (tmp_path / "annotations.json").write_text(content)
        with pytest.raises(DataError, match=match):
            open_da2k(DatasetRequest(root=tmp_path))
    da2k(tmp_path)
    (tmp_path / "images/indoor/c.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 3 missing, the first at images/indoor/c\.jpg"):
        open_da2k(DatasetRequest(root=tmp_path))


def test_da2k__takes_an_annotation_file_from_elsewhere_and_no_options(tmp_path: Path) -> None:
    da2k(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "images").symlink_to(tmp_path / "a" / "images")
    dataset = open_da2k(DatasetRequest(root=tmp_path / "b", listing=tmp_path / "a" / "annotations.json"))
    assert len(dataset) == 3
    with pytest.raises(UsageError, match="it has none"):
        open_da2k(DatasetRequest(root=tmp_path, options={"x": 1}))
    with pytest.raises(UsageError, match="all, test"):
        open_da2k(DatasetRequest(root=tmp_path, split="train"))


def test_da2k__names_a_damaged_picture(tmp_path: Path) -> None:
    da2k(tmp_path)
    path = picture(tmp_path / "images/indoor/a.jpg", 60, 80)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"a\.jpg"):
        open_da2k(DatasetRequest(root=tmp_path))[0]


def test_da2k__is_a_benchmark_that_training_leaves_alone() -> None:
    assert DATASETS["da2k"].evaluation_only
