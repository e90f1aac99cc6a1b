# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from PIL import Image

from leadline.contracts.errors import LeadlineError
from leadline.evaluation.results import EvaluationResult, ImageRow
from leadline.inference.predictor import Predictor
from leadline.recipes.staged import comparison
from leadline.recipes.staged.comparison import (
    as_difference_table,
    as_table,
    compare_models,
    file_name,
    student_differences,
)
from tests.recipes.frames import write_labelled_folder
from tests.recipes.staged.toy import H, W, semi, toy_model


def test_compare_models__scores_all_on_the_same_pictures_and_shows_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SHEET_WIDTH_PX", 200)
    folder = write_labelled_folder(tmp_path / "flat", count=4)
    config = semi(tmp_path, evaluate_on=(f"labelled_folder={folder}",))
    models = {name: Predictor(toy_model(seed), device="cpu") for seed, name in ((1, "teacher"), (2, "student"))}
    table = compare_models(config, models, tmp_path / "out", (H, W))
    assert "| labelled_folder flat | teacher | 2 |" in table
    assert "\n\n| dataset | student minus | AbsRel | δ1 |\n|---|---|---|---|\n| labelled_folder flat | teacher | " in table
    assert (tmp_path / "out" / "comparison.md").read_text() == table
    ((name, found),) = json.loads((tmp_path / "out" / "comparison.json").read_text()).items()
    assert name == f"labelled_folder={folder}"
    assert set(found["teacher"]["per_image"]["abs_rel"]) == set(found["student"]["per_image"]["abs_rel"])
    mean = sum(found["student"]["per_image"]["abs_rel"].values()) / 2
    assert found["student"]["metrics"]["abs_rel"] == pytest.approx(mean, rel=1e-4)
    less = found["teacher"]["student_minus_this"]["abs_rel"]
    assert less["mean"] == pytest.approx(mean - sum(found["teacher"]["per_image"]["abs_rel"].values()) / 2, abs=1e-6)
    assert "student_minus_this" not in found["student"]
    (sheet,) = (tmp_path / "out").glob("sheet-*.png")
    with Image.open(sheet) as shown:
        assert shown.width == 200


def result(**metrics: list[float]) -> EvaluationResult:
    count = max(map(len, metrics.values()))
    rows = [{name: of[index] for name, of in metrics.items() if index < len(of)} for index in range(count)]
    return EvaluationResult(
        protocol="depth",
        dataset="flat",
        rows=tuple(ImageRow(key=f"{index}.png", metrics=one) for index, one in enumerate(rows)),
        skipped=(),
        metrics={name: sum(of) / len(of) for name, of in metrics.items()},
        intervals={name: (min(of), max(of)) for name, of in metrics.items()},
        settings={},
    )


def test_student_differences__are_per_picture_so_that_hard_pictures_do_not_widen_them() -> None:
    hard_and_easy = result(abs_rel=[0.1, 0.9, 0.5], delta1=[0.9, 0.1, 0.5])
    found = {"flat": {"teacher": hard_and_easy, "student": result(abs_rel=[0.05, 0.85, 0.45], delta1=[0.9, 0.1])}}
    ((name, other, less),) = student_differences(found)
    assert (name, other) == ("flat", "teacher")
    assert less.values == pytest.approx({"abs_rel": -0.05, "delta1": 0.0})
    assert less.intervals["abs_rel"] == pytest.approx((-0.05, -0.05))
    assert "| flat | teacher | -0.050 [-0.050, -0.050] | +0.000 [+0.000, +0.000] |" in as_difference_table(
        [("flat", other, less)]
    )


def test_student_differences__there_are_none_without_a_student_or_anything_beside_it() -> None:
    one = result(abs_rel=[0.1], delta1=[0.9])
    assert not list(student_differences({"flat": {"teacher": one, "labelled only": one}}))
    assert not list(student_differences({"flat": {"student": one}}))
    assert as_difference_table([]) == ""


def test_tables__of_ordinal_pairs_have_dashes() -> None:
    found = {"da2k": {"teacher": result(accuracy=[0.5]), "student": result(accuracy=[0.9])}}
    assert "| da2k | student | 1 | – | – |" in as_table(found)
    assert not list(student_differences(found))


def test_compare_models__truth_without_metres_is_one_line(tmp_path: Path) -> None:
    folder = write_labelled_folder(tmp_path / "disparity", count=4)
    for one in list(folder.rglob("depth")):
        one.rename(one.with_name("disparity"))
    config = semi(tmp_path, evaluate_on=(f"labelled_folder={folder}",))
    with pytest.raises(LeadlineError):
        compare_models(config, {"student": Predictor(toy_model(1), device="cpu")}, tmp_path / "out", (H, W))


def test_file_name__has_nothing_that_a_path_would_not() -> None:
    assert file_name("labelled_folder=/data/a b") == "labelled_folder--data-a-b"
    assert len(file_name("x" * 100)) == 60
