# SPDX-License-Identifier: Apache-2.0
"""A label job whose driver and workers are killed again and again ends in the same bytes as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leadline.data.label_folder import done_shards, manifest_path, read_manifest_lines
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import save_toy
from tests.labelling.toys import content, write_pictures

PICTURES, KILLS = 120, 4


def start(model: Path, images: Path, out: Path) -> subprocess.Popen[bytes]:
    words = ["label", model, images, "--out", out, "--pictures-per-shard", 3, "--workers", 2, "--device", "cpu"]
    words += ["--precision", "fp32", "--input-size", 28]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "leadline", *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def children(pid: int) -> list[int]:
    return [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()]


@pytest.mark.slow
def test_label__killed_at_random_moments_misses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    model = save_toy(tmp_path / "toy", RelativeHeadConfig())
    images, out = write_pictures(tmp_path / "pictures", PICTURES), tmp_path / "out"
    whole = start(model, images, tmp_path / "whole")
    assert whole.wait(timeout=300) == 0
    chance = random.Random(0)
    victims: list[str] = []
    for round_ in range(KILLS):
        before = len(done_shards(out))
        job = start(model, images, out)
        deadline = time.monotonic() + 120
        while len(done_shards(out)) < before + 2 and job.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.2)
        workers = children(job.pid) if job.poll() is None else []
        if round_ % 2 and len(workers) > 1:
            victims.append("worker")
            os.kill(chance.choice(workers), signal.SIGKILL)
            time.sleep(chance.random())
        victims.append("driver")
        job.kill()
        job.wait()
        gone = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < gone:
            time.sleep(0.05)
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers), "workers outlived their driver"
    assert victims.count("driver") == KILLS
    last = start(model, images, out)
    _, err = last.communicate(timeout=300)
    assert last.returncode == 0, err.decode()
    assert content(out) == content(tmp_path / "whole")
    assert not [path for path in out.iterdir() if "partial" in path.name]
    keys = [line.image for index in sorted(done_shards(out)) for line in read_manifest_lines(manifest_path(out, index))]
    assert len(keys) == len(set(keys)) == PICTURES


@pytest.mark.slow
def test_label__sigterm_ends_with_143_and_clean_shards(tmp_path: Path) -> None:
    model = save_toy(tmp_path / "toy", RelativeHeadConfig())
    images, out = write_pictures(tmp_path / "pictures", PICTURES), tmp_path / "out"
    job = start(model, images, out)
    while len(done_shards(out)) < 2 and job.poll() is None:
        time.sleep(0.01)
    job.terminate()
    _, err = job.communicate(timeout=60)
    assert job.returncode == 143
    assert err.decode().splitlines()[-1].startswith("leadline: stopped; finished shards are kept")
    assert not [path for path in out.iterdir() if "partial" in path.name]
    tars = {int(path.stem.partition("-")[2]) for path in out.glob("shard-*.tar")}
    assert done_shards(out) <= tars
