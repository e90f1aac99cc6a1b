# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.cli.ablate import main
from tests.cli.toy import say
from tests.recipes.staged.toy import write_pictures, write_teacher


def test_ablate__its_help_names_tables_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert "depth-anything" in told
    assert "target-and-loss" in told
    assert main([]) == 2


def test_ablate__an_unknown_table_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean depth-anything?" in say(capsys, "ablate", "depth-anythin").mistake()


def test_ablate__a_group_that_there_is_not_is_refused_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = say(capsys, "ablate", "depth-anything", "--groups", "marginn", "--out", tmp_path / "table")
    assert "did you mean margin?" in said.mistake()
    assert not (tmp_path / "table").exists()


@pytest.mark.slow
def test_ablate__one_command_writes_the_table_in_every_form(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pictures, teacher = write_pictures(tmp_path / "pictures"), write_teacher(tmp_path / "teacher")
    words = [
        *("ablate", "depth-anything", "--only", "V2 whole", "no cutmix", "--seeds", "0", "--out", tmp_path / "table"),
        *("--datasets", "procedural", "--procedural-count", "4", "--unlabelled-root", f"image_folder={pictures}"),
        *("--encoder", "dinov2-toy", "--teacher-model", teacher, "--feature-target", "none", "--target-size", "28", "42"),
        *("--batch-size", "3", "--num-epochs", "1", "--validation-images", "2", "--num-workers", "0", "--device", "cpu"),
        *("--log-dir", tmp_path / "logs"),
    ]
    said = say(capsys, *words)
    assert said.status == 0, said.err
    assert "| V2 whole |" in said.out
    assert sorted(one.name for one in (tmp_path / "table").iterdir() if one.is_file()) == [
        "ablation.csv",
        "ablation.md",
        "ablation.tex",
        "plot-abs_rel.svg",
        "plot-delta1.svg",
    ]
