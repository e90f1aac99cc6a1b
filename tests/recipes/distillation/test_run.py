# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from leadline.models.weights import load_model
from leadline.recipes.distillation.recipe import DistillationRecipe
from leadline.recipes.distillation.run import train_distillation
from tests.cli.toy import say
from tests.recipes.staged.toy import START, distilled, write_weights


@pytest.mark.slow
def test_train_distillation__a_killed_chain_is_resumed_by_its_folder_and_is_then_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = distilled(
        tmp_path,
        pretrained_checkpoint=write_weights(tmp_path / "encoder.safetensors"),
        feature_target="dino-rgb",
        run_id="mine",
    )
    run = tmp_path / "run"

    def killed(self: Any, batches: Any, progress: Any) -> Any:  # noqa: ARG001
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(DistillationRecipe, "step", killed)
        with pytest.raises(RuntimeError, match="killed"):
            train_distillation(config, START)
    teacher = next(run.glob("teacher-*/stage.json"))
    made = teacher.stat().st_mtime
    said = say(capsys, "resume", run)
    assert said.status == 0, said.err
    assert "stage teacher: done before" in said.err
    assert teacher.stat().st_mtime == made
    assert (run / "comparison.md").is_file()
    assert sorted(one.name.partition("-")[0] for one in run.glob("*-*/") if (one / "stage.json").is_file()) == [
        "labels",
        "student",
        "teacher",
    ]
    again = say(capsys, "train", "distillation", "--resume", "--run-id", "mine", "--save-dir", run)
    assert again.status == 0, again.err
    assert "stage student: done before" in again.err
    picture = next((tmp_path / "pictures").glob("*.png"))
    predicted = say(capsys, "predict", run, picture, "--out", tmp_path / "out", "--device", "cpu")
    assert predicted.status == 0, predicted.err
    assert load_model(run).kind.value == "affine_disparity"
    told = json.loads(next(run.glob("student-*/stage.json")).read_text())
    assert told["depends"]["grad_weight"] == 2.0
    assert torch.isfinite(torch.tensor(told["seconds"]))


def test_train_distillation__a_run_that_does_not_exist_is_not_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = say(capsys, "train", "distillation", "--resume", "--run-id", "nobody", "--save-dir", tmp_path / "run")
    assert "nobody" in said.mistake()
    assert not (tmp_path / "run").exists()


def test_train_distillation__the_guide_s_stage_is_not_one_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = say(
        capsys,
        *("train", "distillation", "--stage", "guide", "--datasets", "procedural", "--encoder", "dinov2-toy"),
        *("--unlabelled-root", f"image_folder={tmp_path}", "--save-dir", tmp_path / "run"),
    )
    assert "--feature-target depth-guide" in said.mistake()
