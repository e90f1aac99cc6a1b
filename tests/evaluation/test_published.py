# SPDX-License-Identifier: Apache-2.0
"""Published cells beside measured ones: the right benchmark, the reason where a cell cannot be had, honest caveats."""

import pytest

from leadline.evaluation.published import Benchmark, PublishedRow, caveats, compare

OPEN = Benchmark(name="A", protocol="a", images=10)
CLOSED = Benchmark(name="B", protocol="b", images=None, obstacle="no recipe")


def row(benchmark: Benchmark, *, released: bool = True) -> PublishedRow:
    metrics = {"abs_rel": 0.1, "delta1": 0.9}
    return PublishedRow(table="t", model="m", benchmark=benchmark, metrics=metrics, source="s", released=released)


@pytest.mark.parametrize(
    ("benchmark", "released", "verdict"),
    [
        (OPEN, True, "reproducible"),
        (OPEN, False, "not reproducible: the weights were never released"),
        (CLOSED, True, "not reproducible: no recipe"),
        (CLOSED, False, "not reproducible: no recipe"),
    ],
)
def test_cell__says_whether_it_is_reproducible_and_why_not(benchmark: Benchmark, *, released: bool, verdict: str) -> None:
    assert row(benchmark, released=released).verdict == verdict


def test_compare__takes_the_cells_of_the_protocol_that_were_measured() -> None:
    cells = compare([row(OPEN), row(CLOSED)], protocol="a", metrics={"abs_rel": 0.2, "rmse": 3.0})
    assert [(one.metric, one.published, one.measured, one.verdict) for one in cells] == [
        ("abs_rel", 0.1, 0.2, "reproducible")
    ]
    assert cells[0].record["reproducible"] is True
    assert compare([row(CLOSED)], protocol="b", metrics={"abs_rel": 0.2})[0].record["reproducible"] is False
    assert compare([row(OPEN)], protocol="c", metrics={"abs_rel": 0.2}) == ()


def test_caveats__name_a_part_of_the_pictures_and_changed_choices() -> None:
    rows = [row(OPEN), row(OPEN), row(CLOSED)]
    assert caveats(rows, protocol="a", images=10, changed=[]) == ()
    assert caveats(rows, protocol="a", images=3, changed=["crop"]) == (
        "measured on 3 pictures, the benchmark has 10", "measured with a crop other than the protocol's",
    )  # fmt: skip
    assert caveats(rows, protocol="b", images=3, changed=[]) == ()
    assert caveats(rows, protocol="a", images=10, changed=["alignment"])[0].startswith("measured with an alignment other")
    assert caveats(rows, protocol="of no paper", images=3, changed=["crop"]) == (
        "no paper's numbers are kept for protocol of no paper",
    )
