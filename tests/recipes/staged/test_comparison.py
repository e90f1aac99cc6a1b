# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from leadline.contracts.errors import LeadlineError
from leadline.inference.predictor import Predictor
from leadline.recipes.staged.comparison import compare_models, file_name
from tests.recipes.frames import write_labelled_folder
from tests.recipes.staged.toy import H, W, semi, toy_model


def test_compare_models__scores_all_on_the_same_pictures_and_shows_some(tmp_path: Path) -> None:
    folder = write_labelled_folder(tmp_path / "flat", count=4)
    config = semi(tmp_path, evaluate_on=(f"labelled_folder={folder}",))
    models = {name: Predictor(toy_model(seed), device="cpu") for seed, name in ((1, "teacher"), (2, "student"))}
    table = compare_models(config, models, tmp_path / "out", (H, W))
    assert "| labelled_folder flat | teacher | 2 |" in table
    assert (tmp_path / "out" / "comparison.md").read_text() == table
    ((name, found),) = json.loads((tmp_path / "out" / "comparison.json").read_text()).items()
    assert name == f"labelled_folder={folder}"
    assert set(found["teacher"]["per_image"]["abs_rel"]) == set(found["student"]["per_image"]["abs_rel"])
    mean = sum(found["student"]["per_image"]["abs_rel"].values()) / 2
    assert found["student"]["metrics"]["abs_rel"] == pytest.approx(mean, rel=1e-4)
    assert len(list((tmp_path / "out").glob("sheet-*.png"))) == 1


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
