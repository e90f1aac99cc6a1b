# SPDX-License-Identifier: Apache-2.0
"""Result files: the contract's keys, valid JSON even for NaN, tables people can read, writes that are whole."""

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from leadline.contracts.errors import StorageError
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.results import (
    EvaluationResult,
    ImageRow,
    Skipped,
    as_csv,
    as_json,
    as_markdown,
    better,
    is_better_higher,
    rounded,
    write_csv,
    write_json,
    write_markdown,
)

RESULT = EvaluationResult(
    protocol="depth",
    dataset="toy",
    rows=(
        ImageRow(key="a,1.png", metrics={"delta1": 0.9, "abs_rel": 0.1, "dbe_accuracy_px": math.nan}),
        ImageRow(key="b.png", metrics={"delta1": 0.2, "abs_rel": 0.7, "dbe_accuracy_px": 2.5}, missing_pixels=4),
        ImageRow(key="c.png", metrics={"delta1": 0.5, "abs_rel": math.nan, "dbe_accuracy_px": 1.0}),
    ),
    skipped=(Skipped(key="d.png", reason="zero bytes"),),
    metrics={"delta1": 0.5333333333, "abs_rel": 0.4, "dbe_accuracy_px": math.nan},
    intervals={"delta1": (0.2, 0.9), "abs_rel": (0.1, 0.7), "dbe_accuracy_px": (math.nan, math.nan)},
    settings=DEPTH.settings,
    model={"weights": Path("x.safetensors")},
)


def test_json__has_the_contracts_keys_first_and_every_setting() -> None:
    written = as_json(RESULT)
    assert list(written)[:6] == ["protocol", "dataset", "images", "skipped", "metrics", "settings"]
    assert (written["images"], written["skipped"]) == (3, 1)
    settings = written["settings"]
    assert isinstance(settings, dict)
    assert {"crop", "range_m", "alignment", "resize", "tta", "aggregation", "source"} <= set(settings)
    assert written["skipped_images"] == [{"key": "d.png", "reason": "zero bytes"}]
    assert written["missing_prediction_pixels"] == {"b.png": 4}


def test_json__is_valid_where_numbers_are_missing(tmp_path: Path) -> None:
    write_json(RESULT, tmp_path / "deep" / "result.json")
    read = json.loads((tmp_path / "deep" / "result.json").read_text(), parse_constant=pytest.fail)
    assert read["metrics"]["dbe_accuracy_px"] is None
    assert read["intervals"]["abs_rel"] == [0.1, 0.7]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["result.json"]


def test_worst__is_the_highest_error_or_the_lowest_accuracy() -> None:
    assert [row.key for row in RESULT.worst()] == ["b.png", "a,1.png"]
    assert [row.key for row in RESULT.worst(2, by="delta1")] == ["b.png", "c.png"]


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        ("delta1", True),
        ("accuracy_macro", True),
        ("accuracy/indoor", True),
        ("delta2_scaled", True),
        ("rmse", False),
        ("d1", False),
        ("abs_rel_scaled", False),
    ],
)
def test_better__is_known_for_means_and_groups(*, metric: str, higher: bool) -> None:
    assert is_better_higher(metric) == higher
    assert better(metric) == ("higher" if higher else "lower")


def test_better__is_one_for_a_ratio() -> None:
    assert better("median_ratio") == "1"


def test_markdown__says_what_was_measured(tmp_path: Path) -> None:
    write_markdown(RESULT, tmp_path / "result.md")
    text = (tmp_path / "result.md").read_text()
    assert text == as_markdown(RESULT)
    assert "3 images, 1 skipped; crop full, range [0.001, 80.0] m, alignment none" in text
    assert "| delta1 | 0.5333 | 0.2 to 0.9 | higher |" in text
    assert "| dbe_accuracy_px | – | – to – | lower |" in text


def test_csv__has_one_line_per_image_at_full_precision(tmp_path: Path) -> None:
    write_csv(RESULT, tmp_path / "result.csv")
    rows = list(csv.DictReader(io.StringIO(as_csv(RESULT))))
    assert [row["key"] for row in rows] == ["a,1.png", "b.png", "c.png"]
    assert float(rows[1]["abs_rel"]) == 0.7
    assert rows[2]["abs_rel"] == ""
    assert rows[1]["missing_pixels"] == "4"


def test_write__into_what_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose a folder"):
        write_json(RESULT, tmp_path / "file" / "result.json")


def test_rounded__keeps_four_places() -> None:
    assert [rounded(x) for x in (0.123456, 12.3456, 321.65, 4321.6, math.nan)] == ["0.1235", "12.35", "321.6", "4322", "–"]


def test_worst__puts_ties_in_the_order_of_their_keys() -> None:
    rows = tuple(
        ImageRow(key=key, metrics={"delta1": value}) for key, value in (("c", 0.5), ("b", 0.5), ("a", 0.9), ("d", 0.1))
    )
    result = replace(RESULT, rows=rows, metrics={"delta1": 0.5})
    assert [row.key for row in result.worst()] == ["d", "b", "c", "a"]
