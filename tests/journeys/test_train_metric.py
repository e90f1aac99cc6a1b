# SPDX-License-Identifier: Apache-2.0
"""The whole way through the command line: train, die, resume, evaluate, predict; one process and two."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.recipes.frames import write_labelled_folder

TOY = (
    "train metric --encoder dinov2-toy --train-encoder --n-bins 8 --bin-embedding-dim 16 --datasets labelled_folder "
    "--target-size 28 42 --batch-size 2 --num-workers 0 --no-amp --log-interval 1 --device cpu --lr 1e-3 --keep-epochs 1"
).split()


def leadline(*words: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*launcher, "-m", "leadline", *words] if launcher else [sys.executable, "-m", "leadline", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def train(root: Path, run: Path, *more: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    folders = ("--labelled-root", str(root), "--save-dir", str(run), "--log-dir", str(run.parent / "logs"))
    return leadline(*TOY, *folders, *more, launcher=launcher)


def fingerprint(run: Path) -> dict[str, str]:
    names = ["checkpoint_latest/model.safetensors", "checkpoint_latest/training_state.safetensors", "metrics.jsonl"]
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labelled_folder(tmp_path_factory.mktemp("frames"), count=12)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_and_resumed_ends_as_if_nothing_had_happened(root: Path, tmp_path: Path) -> None:
    whole = train(root, tmp_path / "whole", "--num-epochs", "3", "--save-every", "2")
    assert whole.returncode == 0, whole.stderr
    for attempt, lines in enumerate((2, 7)):
        run = tmp_path / f"killed{attempt}"
        folders = ["--labelled-root", str(root), "--save-dir", str(run), "--log-dir", str(tmp_path / "logs")]
        command = [sys.executable, "-m", "leadline", *TOY, *folders, "--num-epochs", "3", "--save-every", "2"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
        while process.poll() is None and _lines(run / "metrics.jsonl") < lines:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed = leadline("resume", str(run))
        assert resumed.returncode == 0, resumed.stderr
        assert fingerprint(run) == fingerprint(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_end_where_one_does_with_the_same_global_batch(root: Path, tmp_path: Path) -> None:
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
    one = train(root, tmp_path / "one", "--num-epochs", "2")
    two = train(root, tmp_path / "two", "--num-epochs", "2", launcher=torchrun)
    assert one.returncode == 0, one.stderr
    assert two.returncode == 0, two.stderr
    curves = [_curve(tmp_path / name / "metrics.jsonl") for name in ("one", "two")]
    assert len(curves[0]) == len(curves[1]) == 10
    # One step from equal weights: equal loss and gradient.  After it AdamW turns the rounding of gradients that are nearly
    # zero into whole steps; tests/recipes/test_metric_distributed.py holds the weights to 1e-9, in float64.
    assert curves[1][0] == pytest.approx(curves[0][0], rel=1e-6)
    for one_step, two_step in zip(*curves, strict=True):
        assert two_step == pytest.approx(one_step, rel=1e-4)


@pytest.mark.slow
def test_a_trained_run_is_scored_and_predicts_by_its_folder_alone(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained = train(root, run, "--num-epochs", "1", "--ema-decay", "0.9", "--schedule", "poly")
    assert trained.returncode == 0, trained.stderr
    assert (run / "report.html").read_text().startswith("<!doctype html>")
    assert list((tmp_path / "logs").glob("*_run/events.out.tfevents.*"))
    scored = leadline(
        *("evaluate", str(run), "--dataset", "labelled_folder", "--root", str(root)),
        *("--split", "val", "--json", str(tmp_path / "val.json")),
    )
    assert scored.returncode == 0, scored.stderr
    result = json.loads((tmp_path / "val.json").read_text())
    assert result["protocol"] == "depth"
    assert {"crop", "range_m", "alignment", "resize", "tta", "aggregation", "source"} <= set(result["settings"])
    picture = root / "scene0" / "image" / "0.png"
    predicted = leadline("predict", str(run), str(picture), "--out", str(tmp_path / "out"))
    assert predicted.returncode == 0, predicted.stderr
    assert json.loads((tmp_path / "out" / "0.json").read_text())["unit"] == "m"


@pytest.mark.slow
def test_a_second_run_into_the_same_folder_is_refused_and_nothing_is_lost(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(root, run, "--num-epochs", "1").returncode == 0
    before = fingerprint(run)
    again = train(root, run, "--num-epochs", "1")
    assert again.returncode == 2
    assert "leadline resume" in again.stderr
    assert fingerprint(run) == before


@pytest.mark.slow
def test_the_reference_spelling_of_resume_goes_on_to_more_epochs(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(root, run, "--num-epochs", "1").returncode == 0
    more = leadline("train", "metric", "--resume", str(run / "checkpoint_latest.pth"), "--num-epochs", "2")
    assert more.returncode == 0, more.stderr
    straight = train(root, tmp_path / "straight", "--num-epochs", "2")
    assert straight.returncode == 0, straight.stderr
    assert (
        fingerprint(run)["checkpoint_latest/model.safetensors"]
        == (fingerprint(tmp_path / "straight")["checkpoint_latest/model.safetensors"])
    )


def _curve(path: Path) -> list[tuple[float, float]]:
    """(loss, gradient norm) of every step."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["Train/BatchLoss"], line["Train/GradNorm"]) for line in lines if "Train/BatchLoss" in line]


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
