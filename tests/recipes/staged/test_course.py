# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.contracts.errors import StorageError
from leadline.recipes.staged.course import Course, label_folders, training_size
from leadline.recipes.staged.stages import Stage
from tests.recipes.staged.toy import semi


def stage(name: str, done: list[str]) -> Stage:
    def work(folder: Path) -> None:
        folder.mkdir(parents=True)
        done.append(name)

    return Stage(name=name, depends={}, work=work)


def test_course__goes_all_the_way_or_ends_with_the_stage_that_is_asked_for(tmp_path: Path) -> None:
    done: list[str] = []
    first = Course(tmp_path, "teacher")
    first.take(stage("teacher", done))
    assert first.over
    second = Course(tmp_path, "labels")
    second.take(stage("teacher", done))
    assert not second.over
    second.take(stage("labels", done))
    assert second.over
    whole = Course(tmp_path, "all")
    for name in ("teacher", "labels", "student"):
        whole.take(stage(name, done))
    assert not whole.over
    assert done == ["teacher", "labels", "student"]


def test_course__a_stage_before_the_one_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    done: list[str] = []
    with pytest.raises(StorageError, match="finished stage teacher for stage student"):
        Course(tmp_path, "student").take(stage("teacher", done))
    assert done == []


def test_label_folders__are_those_of_the_datasets_that_have_one(tmp_path: Path) -> None:
    (tmp_path / "labels" / "image_folder").mkdir(parents=True)
    config = semi(tmp_path, unlabelled=("image_folder", "procedural"))
    assert label_folders(config, tmp_path / "labels") == {"image_folder": tmp_path / "labels" / "image_folder"}
    assert label_folders(config, None) == {}


def test_training_size__is_what_the_student_s_encoder_divides_evenly(tmp_path: Path) -> None:
    assert training_size(semi(tmp_path, target_size=(30, 40))) == (28, 42)
