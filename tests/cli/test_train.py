# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.cli.main import main

TOY = (
    "train metric --encoder dinov2-toy --train-encoder --n-bins 8 --bin-embedding-dim 16 --datasets procedural "
    "--procedural-count 4 --validation-images 2 --target-size 28 --batch-size 2 --num-epochs 1 --num-workers 0 --device cpu"
).split()


def test_train__without_a_recipe_lists_them_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert "metric" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train metrik", "'metrik'"),
        ("train --lr 1", "a recipe first"),
        ("train metric --n-bin 3", "did you mean --n-bins"),
        ("train metric --datasets nyuu", "nyuu"),
        ("train metric --config nowhere.toml", "nowhere.toml"),
        ("train metric --resume nowhere", "config.toml"),
        ("train metric --datasets nyu", "--nyu-csv"),
        ("train metric --encoder vitz --datasets procedural", "vitz"),
        ("train metric --n-attractors 16 8 4 --datasets procedural", "4 attractor counts"),
        ("train metric --encoder dinov2-toy --datasets procedural --num-workers 0", "--pretrained-checkpoint"),
    ],
)
def test_train__each_mistake_gets_one_line_and_exit_2(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("leadline: expected")
    assert told in last


def test_train__leaves_a_run_folder_with_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--save-dir", str(tmp_path / "run"), "--log-dir", str(tmp_path / "logs")]
    assert main([*TOY, *folders]) == 0
    assert str(tmp_path / "run" / "report.html") in capsys.readouterr().out
    written = (tmp_path / "run" / "config.toml").read_text()
    assert 'recipe = "metric"' in written
    assert "n_bins = 8  # flag" in written
    assert "lr_gamma = 0.1  # default" in written
    assert (tmp_path / "run" / "checkpoint_best" / "model.safetensors").is_file()


def test_train__without_validation_trains_and_says_so_by_leaving_no_report(tmp_path: Path) -> None:
    folders = ["--save-dir", str(tmp_path / "run"), "--log-dir", str(tmp_path / "logs")]
    assert main([*TOY, *folders, "--no-validate"]) == 0
    assert not (tmp_path / "run" / "report.html").exists()
    assert (tmp_path / "run" / "checkpoint_latest" / "model.safetensors").is_file()
