# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from leadline.cli.main import main
from leadline.recipes.catalog import RECIPES, RecipeEntry
from leadline.training.run_id import run_id_of
from tests.recipes.frames import write_labelled_folder

TOY = (
    "train metric --encoder dinov2-toy --train-encoder --n-bins 8 --bin-embedding-dim 16 --datasets procedural "
    "--procedural-count 4 --validation-images 2 --target-size 28 --batch-size 2 --num-epochs 1 --num-workers 0 --device cpu"
).split()


def test_train__without_a_recipe_lists_them_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    told = capsys.readouterr().out.splitlines()
    starts = {line.index(entry.summary) for name, entry in RECIPES.items() for line in told if line.split()[:1] == [name]}
    assert len(starts) == 1  # one column, wherever the longest name ends
    assert main(["train", "--help"]) == 0


def test_train__help_keeps_a_column_beside_longer_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "semi-supervised", RecipeEntry(summary="A teacher", yields="", config=RecipeEntry, run=""))
    assert main(["train", "--help"]) == 0
    assert "  semi-supervised  A teacher\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train metrik", "'metrik'"),
        ("train --lr 1", "a recipe first"),
        ("train metric --n-bin 3", "did you mean --n-bins"),
        ("train metric --datasets nyuu", "for --datasets; got 'nyuu'; did you mean nyu?"),
        ("train metric --config nowhere.toml", "nowhere.toml"),
        ("train metric --resume nowhere", "config.toml"),
        ("train metric --datasets nyu", "--nyu-root"),
        ("train metric --encoder vitz --datasets procedural", "for --encoder; got 'vitz'; did you mean"),
        ("train relative --config metric-reference", "recipe 'relative' (relative-repair); got metric-reference"),
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


def test_train__a_rejected_value_leaves_no_folder_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    for mistake in (["--lr", "-1"], ["--device", "cuda:9"]):
        assert main([*TOY, "--save-dir", str(run), "--log-dir", str(tmp_path / "logs"), *mistake]) == 2
        assert not run.exists()
    assert "cuda:9" in capsys.readouterr().err


def test_train__disparity_is_refused_before_the_first_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_labelled_folder(tmp_path / "frames")
    lines = [
        json.dumps({"image": f"scene0/image/{i}.png", "depth": f"scene0/depth/{i}.png", "kind": "affine_disparity"})
        for i in range(2)
    ]
    (root / "manifest.jsonl").write_text("\n".join(lines))
    toy = [word if word != "procedural" else "labelled_folder" for word in TOY]
    words = [*toy, "--labelled-root", str(root), "--save-dir", str(tmp_path / "run")]
    assert main(words) == 2
    assert "affine_disparity" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_train__a_runs_own_configuration_starts_another_run(tmp_path: Path) -> None:
    logs = ["--log-dir", str(tmp_path / "logs")]
    assert main([*TOY, "--save-dir", str(tmp_path / "one"), *logs]) == 0
    again = ["train", "metric", "--config", str(tmp_path / "one" / "config.toml"), "--save-dir", str(tmp_path / "two")]
    assert main([*again, *logs]) == 0
    models = [tmp_path / name / "checkpoint_latest" / "model.safetensors" for name in ("one", "two")]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_train__resume_takes_single_flags_and_writes_them_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main([*TOY, "--save-dir", str(run), "--log-dir", str(tmp_path / "logs")]) == 0
    assert main(["train", "metric", "--resume", str(run), "--config", "demo"]) == 2
    assert "single flags" in capsys.readouterr().err
    assert main(["train", "metric", "--resume", str(run), "--num-epochs", "2"]) == 0
    assert "num_epochs = 2  # flag at resume" in (run / "config.toml").read_text()
    assert '"epoch":1' in (run / "metrics.jsonl").read_text()


def test_train__resume_by_run_id_continues_that_run_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, logs = tmp_path / "runs", ["--log-dir", str(tmp_path / "logs")]
    assert main([*TOY, "--save-dir", str(runs / "a"), *logs, "--run_id", "mine"]) == 0
    assert 'run_id = "mine"  # flag' in (runs / "a" / "config.toml").read_text()
    resume = ["train", "metric", "--resume", "--run_id", "min", "--num-epochs", "2", "--save_dir", str(runs)]
    assert main(resume) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "got 'min'; there are mine; did you mean mine?" in last
    resume[4] = "mine"
    assert main(resume) == 0
    assert sorted(path.name for path in runs.iterdir()) == ["a"]
    assert '"epoch":1' in (runs / "a" / "metrics.jsonl").read_text()
    assert 'run_id = "mine"  # before resume' in (runs / "a" / "config.toml").read_text()
    assert main([*TOY, "--save-dir", str(runs / "b"), *logs, "--run_id", "mine"]) == 2
    assert main(["train", "relative", "--resume", str(runs / "a"), "--ssi-weight", "2"]) == 2
    assert "of 'metric'" in capsys.readouterr().err


def test_train__every_run_has_an_id_of_its_own(tmp_path: Path) -> None:
    logs = ["--log-dir", str(tmp_path / "logs"), "--no-validate"]
    assert main([*TOY, "--save-dir", str(tmp_path / "one"), *logs]) == 0
    again = ["train", "metric", "--config", str(tmp_path / "one" / "config.toml"), "--save-dir", str(tmp_path / "two")]
    assert main([*again, *logs]) == 0
    ids = [run_id_of(tmp_path / name) for name in ("one", "two")]
    assert all(ids)
    assert ids[0] != ids[1]
    assert main(["resume", str(tmp_path / "one")]) == 0
    assert run_id_of(tmp_path / "one") == ids[0]


def test_train__a_run_from_before_ids_is_given_one_when_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main([*TOY, "--save-dir", str(run), "--log-dir", str(tmp_path / "logs"), "--no-validate"]) == 0
    written = (run / "config.toml").read_text().splitlines(keepends=True)
    (run / "config.toml").write_text("".join(line for line in written if not line.startswith("run_id")))
    assert main(["resume", str(run)]) == 0
    assert run_id_of(run)
    assert "n_bins = 8  # before resume" in (run / "config.toml").read_text()
