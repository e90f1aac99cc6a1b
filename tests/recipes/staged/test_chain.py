# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.semi_supervised.guide_stage import guide_stage
from leadline.recipes.staged.chain import Chain, start_in, student_stage
from leadline.recipes.staged.config import StagedConfig
from leadline.training.display import SilentDisplay
from tests.recipes.staged.toy import semi, write_pictures, write_teacher, write_weights


def chain(config: StagedConfig) -> Chain:
    return Chain(config=config, display=SilentDisplay())


def places(config: Any, teacher: str) -> dict[str, str]:
    """Stage -> the name of its folder."""
    one = chain(config)
    stages = [
        one.teacher(),
        one.labels(teacher),
        guide_stage(one, config),
        one.baseline(batch_size=1, updates_per_epoch=2),
        student_stage("student", one.words(teacher), config, lambda _: None),
    ]
    return {stage.name: stage.folder(one.root).name for stage in stages}


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        ({"log_dir": Path("elsewhere"), "label_workers": 2, "num_workers": 1}, set()),
        ({"cutmix": 0.1}, {"student"}),
        ({"feature_margin": 0.5}, {"student"}),
        ({"lr": 1e-3}, {"student", "baseline"}),
        ({"label_dtype": "fp16"}, {"labels", "student"}),
        ({"guide_epochs": 2}, {"guide", "student"}),  # of a student without a guide its flags are left out, see its run
        ({"teacher_epochs": 2}, {"teacher"}),  # and what comes after follows from the teacher's weights
        ({"target_size": (42, 42)}, {"teacher", "guide", "baseline", "student"}),
        ({"seed": 3}, {"teacher", "guide", "baseline", "student"}),
        ({"amp": False}, {"teacher", "labels", "guide", "baseline", "student"}),
    ],
)
def test_chain__a_changed_flag_makes_only_those_stages_anew_that_depend_on_it(
    tmp_path: Path, changes: dict[str, Any], anew: set[str]
) -> None:
    config, teacher = semi(tmp_path), write_teacher(tmp_path / "teacher")
    before, after = places(config, teacher), places(dataclasses.replace(config, **changes), teacher)
    assert {name for name in before if before[name] != after[name]} == anew


def test_chain__another_teacher_makes_other_labels_and_another_student(tmp_path: Path) -> None:
    config = semi(tmp_path)
    before = places(config, write_teacher(tmp_path / "one", seed=2))
    same, after = (places(config, write_teacher(tmp_path / name, seed=seed)) for name, seed in (("two", 2), ("three", 3)))
    assert before == same  # by what is in its weights, not by where they lie
    assert {name for name in before if before[name] != after[name]} == {"labels", "student"}


def test_chain__other_weights_to_begin_with_are_told_by_what_is_in_them(tmp_path: Path) -> None:
    weights, teacher = tmp_path / "w.safetensors", write_teacher(tmp_path / "teacher")
    config = semi(tmp_path, pretrained_checkpoint=write_weights(weights, seed=5))
    before = places(config, teacher)
    write_weights(weights, seed=6)
    after = places(config, teacher)
    assert {name for name in before if before[name] != after[name]} == {"teacher", "guide", "baseline", "student"}


def test_chain__the_baseline_is_the_student_s_network_for_as_many_updates(tmp_path: Path) -> None:
    config = semi(tmp_path, num_epochs=3, lr=7e-4, teacher_encoder="vits", decoder_features=16)
    stage = chain(config).baseline(batch_size=2, updates_per_epoch=5)
    told = {name: stage.depends[name] for name in ("batch_size", "epoch_images", "num_epochs", "lr", "encoder")}
    assert told == {"batch_size": 2, "epoch_images": 10, "num_epochs": 3, "lr": 7e-4, "encoder": "dinov2-toy"}
    assert stage.depends["decoder_features"] == 16
    teacher = chain(config).teacher_config()
    assert (teacher.encoder, teacher.decoder_features, teacher.pretrained_checkpoint) == ("vits", None, "")


def test_chain__a_teacher_begins_from_its_own_file_or_from_the_student_s_where_both_have_one_encoder(tmp_path: Path) -> None:
    config = semi(tmp_path, pretrained_checkpoint="student.pth")
    assert chain(config).teacher_config().pretrained_checkpoint == "student.pth"
    own = dataclasses.replace(config, teacher_checkpoint="teacher.pth")
    assert chain(own).teacher_config().pretrained_checkpoint == "teacher.pth"
    assert chain(dataclasses.replace(own, teacher_encoder="vits")).teacher_config().pretrained_checkpoint == "teacher.pth"
    assert chain(dataclasses.replace(config, teacher_encoder="vits")).teacher_config().pretrained_checkpoint == ""


def test_chain__pictures_that_are_made_on_the_fly_have_no_labels_on_disk(tmp_path: Path) -> None:
    config = semi(tmp_path, unlabelled=("procedural",), unlabelled_root=())
    with pytest.raises(UsageError, match=r"procedural, which is made on the fly; say --teacher-mode online"):
        chain(config).labels("teacher")
    assert chain(dataclasses.replace(config, teacher_mode="online")).labels("teacher")


def test_chain__pictures_that_were_added_or_removed_make_labels_and_student_anew(tmp_path: Path) -> None:
    config, teacher = semi(tmp_path), write_teacher(tmp_path / "teacher")
    before = places(config, teacher)
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    assert places(config, teacher) == before
    (tmp_path / "pictures" / "000.png").rename(tmp_path / "pictures" / "new.png")
    after = places(config, teacher)
    assert {name for name in before if before[name] != after[name]} == {"labels", "student"}


@pytest.mark.parametrize("mode", ["hybrid", "online"])
def test_chain__beside_a_teacher_that_can_be_asked_labels_stay_where_pictures_are_added(tmp_path: Path, mode: Any) -> None:
    config, teacher = semi(tmp_path, teacher_mode=mode), write_teacher(tmp_path / "teacher")
    before = places(config, teacher)
    write_pictures(tmp_path / "pictures", 9)
    after = places(config, teacher)
    assert {name for name in before if before[name] != after[name]} == {"student"}


def test_start_in__goes_on_where_a_run_was_begun(tmp_path: Path) -> None:
    assert start_in(tmp_path, SilentDisplay()).checkpoint is None
    (tmp_path / "config.toml").write_text('recipe = "relative"\n')
    assert start_in(tmp_path, SilentDisplay()).checkpoint == "latest"
