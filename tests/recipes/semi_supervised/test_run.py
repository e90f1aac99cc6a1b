# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from leadline.contracts.errors import LeadlineError
from leadline.models.head_config import SigmoidHeadConfig
from leadline.models.weights import load_model
from leadline.recipes.semi_supervised.recipe import SemiSupervisedRecipe
from leadline.recipes.semi_supervised.run import _recipe, _streams, train_semi_supervised
from leadline.recipes.staged.course import Before
from leadline.recipes.staged.stages import DONE
from leadline.training.distributed import Ranks
from tests.cli.toy import save_toy
from tests.recipes.staged.toy import START, H, W, semi, write_pictures, write_teacher, write_weights


def stage_folders(root: Path) -> dict[str, float]:
    """Finished stages and when each was."""
    return {file.parent.name: file.stat().st_mtime for file in root.glob(f"*/{DONE}")}


@pytest.mark.parametrize("batch_size", range(3, 14))
def test_streams__every_batch_is_one_to_two_and_an_epoch_is_one_unlabelled_sweep(tmp_path: Path, batch_size: int) -> None:
    write_pictures(tmp_path / "many", 24, (28, 42))
    config = semi(tmp_path, batch_size=batch_size, unlabelled_root=(f"image_folder={tmp_path / 'many'}",))
    before = Before(teacher="", labels=None, guide=None, size=(H, W))
    streams = _streams(config, before, (H, W), Ranks())
    labelled, unlabelled = (list(streams[name].batches(0)) for name in ("train", "unlabelled"))
    third = batch_size // 3
    assert [len(batch.keys) for batch in labelled] == [third] * (24 // (2 * third))
    assert [len(batch.keys) for batch in unlabelled] == [2 * third] * (24 // (2 * third))
    seen = Counter(key for batch in unlabelled for key in batch.keys)
    assert set(seen.values()) == {1}
    assert len(seen) == 24 // (2 * third) * 2 * third
    cycled = Counter(key for batch in labelled for key in batch.keys)
    assert max(cycled.values()) - min(cycled.values()) <= 1  # 4 scenes, again and again, none before all others
    again = [key for batch in streams["train"].batches(1) for key in batch.keys]
    assert again != [key for batch in labelled for key in batch.keys] or third == 1


def words_of(tmp_path: Path, config: Any, labels: Path | None) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    before = Before(teacher=str(tmp_path / "teacher"), labels=labels, guide=None, size=(H, W))
    recipe = _recipe(config, before)
    batches = _streams(config, before, (H, W), Ranks())["unlabelled"].batches(0)
    found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for batch in batches:
        said, known = recipe.words(batch)
        found |= {key: (said[index], known[index]) for index, key in enumerate(batch.keys)}
    return found


def test_teacher_modes__online_cached_and_hybrid_say_the_same_up_to_how_labels_are_rounded(tmp_path: Path) -> None:
    write_teacher(tmp_path / "teacher")
    config = semi(tmp_path, teacher_model=str(tmp_path / "teacher"), augment=False, label_size=H, stage="labels", amp=False)
    train_semi_supervised(config, START)
    (labels,) = (tmp_path / "run").glob("labels-*")
    online = words_of(tmp_path, dataclasses.replace(config, teacher_mode="online"), None)
    cached = words_of(tmp_path, config, labels)
    hybrid = words_of(tmp_path, dataclasses.replace(config, teacher_mode="hybrid"), labels)
    assert online.keys() == cached.keys() == hybrid.keys()
    for key, (said, _) in online.items():
        span = float(said.max() - said.min())
        for other, known in (cached[key], hybrid[key]):
            assert known.all()
            assert float((said - other).abs().max()) < 2e-3 * span


@pytest.mark.slow
def test_train_semi_supervised__every_stage_is_made_once_and_the_chain_s_folder_is_a_model(tmp_path: Path) -> None:
    config = semi(
        tmp_path,
        feature_target="depth-guide",
        feature_loss="cka",
        pretrained_checkpoint=write_weights(tmp_path / "encoder.safetensors"),
        baseline=True,
    )
    report = train_semi_supervised(config, START)
    assert report is not None
    made = stage_folders(tmp_path / "run")
    assert sorted(name.partition("-")[0] for name in made) == ["baseline", "guide", "labels", "student", "teacher"]
    compared = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert list(compared["procedural"]) == ["student's beginning", "teacher", "labelled only", "student"]
    student = next((tmp_path / "run").glob("student-*/checkpoint_best"))
    model = load_model(tmp_path / "run").state_dict()
    assert all(torch.equal(model[name], one) for name, one in load_model(student).state_dict().items())
    assert not any(name.startswith(("guide", "target", "words")) for name in load_file(student / "model.safetensors"))
    assert train_semi_supervised(config, START) is not None
    assert stage_folders(tmp_path / "run") == made  # nothing was made anew
    later = dataclasses.replace(config, cutmix=0.25)
    train_semi_supervised(later, START)
    anew = stage_folders(tmp_path / "run").keys() - made.keys()
    assert [name.partition("-")[0] for name in anew] == ["student"]


def test_train_semi_supervised__a_killed_student_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = semi(
        tmp_path,
        teacher_model=write_teacher(tmp_path / "teacher"),
        teacher_mode="online",
        num_epochs=2,
        save_every=1,
        validate=False,
    )
    train_semi_supervised(dataclasses.replace(config, save_dir=tmp_path / "whole"), START)
    step, steps = SemiSupervisedRecipe.step, [0]

    def killed(self: Any, batches: Any, progress: Any) -> Any:
        steps[0] += 1
        if steps[0] == 6:
            raise RuntimeError("killed")
        return step(self, batches, progress)

    with monkeypatch.context() as patched:
        patched.setattr(SemiSupervisedRecipe, "step", killed)
        with pytest.raises(RuntimeError, match="killed"):
            train_semi_supervised(config, START)
    assert stage_folders(tmp_path / "run") == {}
    train_semi_supervised(config, START)
    (one,) = (tmp_path / "run").glob("student-*/checkpoint_latest/model.safetensors")
    (other,) = (tmp_path / "whole").glob("student-*/checkpoint_latest/model.safetensors")
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert len((one.parents[1] / "metrics.jsonl").read_text().splitlines()) == len(
        (other.parents[1] / "metrics.jsonl").read_text().splitlines()
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"student": True}, r"finished stage teacher for stage student.*none"),
        ({"stage": "labels"}, r"finished stage teacher for stage labels"),
        ({"stage": "guide"}, r"--feature-target depth-guide"),
        ({"stage": "labels", "teacher_mode": "online"}, r"--teacher-mode online"),
        ({"stage": "evaluate", "validate": False}, r"--no-validate"),
        ({"batch_size": 2}, r"--batch-size of at least 3"),
        ({"unlabelled_root": ("image_folder=/nowhere/at/all",), "teacher_mode": "online", "stage": "student"}, r"."),
    ],
)
def test_train_semi_supervised__what_is_not_there_is_one_clear_line(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(LeadlineError) as refusal:
        train_semi_supervised(semi(tmp_path, **changes), START)
    assert re.search(told, str(refusal.value))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("mode", ["cached", "online", "hybrid"])
def test_train_semi_supervised__a_teacher_in_metres_is_refused_before_anything_is_written(tmp_path: Path, mode: Any) -> None:
    metric = save_toy(tmp_path / "metric", SigmoidHeadConfig())
    with pytest.raises(LeadlineError, match=r"says relative disparity.*metric"):
        train_semi_supervised(semi(tmp_path, teacher_model=str(metric), teacher_mode=mode), START)
    assert not (tmp_path / "run").exists()


def test_train_semi_supervised__pictures_that_cannot_be_labelled_are_told_before_a_teacher_is_trained(
    tmp_path: Path,
) -> None:
    with pytest.raises(LeadlineError, match="--teacher-mode online"):
        train_semi_supervised(semi(tmp_path, unlabelled=("procedural",), unlabelled_root=()), START)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("roots", [(), ("pictures",), ("image_folder=/nowhere/at/all",)])
def test_train_semi_supervised__missing_pictures_are_told_before_a_teacher_is_trained(
    tmp_path: Path, roots: tuple[str, ...]
) -> None:
    with pytest.raises(LeadlineError, match="--unlabelled-root"):
        train_semi_supervised(semi(tmp_path, unlabelled_root=roots), START)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("target", ["dino-rgb", "dino-on-depth"])
def test_train_semi_supervised__a_random_beginning_is_no_target_which_is_told_before_a_teacher_is_trained(
    tmp_path: Path, target: Any
) -> None:
    with pytest.raises(LeadlineError, match="--feature-target none"):
        train_semi_supervised(semi(tmp_path, feature_target=target), START)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_train_semi_supervised__truth_that_is_disparity_with_a_far_sky_is_learned_from_and_scored_in_metres(
    tmp_path: Path,
) -> None:
    config = semi(tmp_path, dataset_option=("procedural.space=disparity", "procedural.sky=far"))
    assert train_semi_supervised(config, START) is not None
    (lines,) = (tmp_path / "run").glob("student-*/metrics.jsonl")
    assert "Val/Loss" in lines.read_text()
    told = json.loads((tmp_path / "run" / "comparison.json").read_text())
    assert told["procedural"]["student"]["images"] == 2
