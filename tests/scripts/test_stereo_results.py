# SPDX-License-Identifier: Apache-2.0
"""The script behind docs/results.md's numbers of the stereo recipe."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch

from leadline.recipes.stereo.run import train_stereo
from leadline.recipes.supervised.run import Start
from leadline.training.config_file import Setting, to_toml
from leadline.training.display import SilentDisplay
from tests.recipes.stereo.toy import run_config, shifted_batch

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "stereo_results.py"))


def test_block_matching__finds_one_shift_and_follows_the_right_picture() -> None:
    batch = shifted_batch(disparity_px=6, pairs=1)
    assert batch.stereo is not None
    found = SCRIPT["block_matching"](batch.image, batch.stereo.image, 20)
    assert float((found[:, 24:-8] - 6).abs().median()) == 0
    moved = SCRIPT["block_matching"](batch.image, torch.roll(batch.stereo.image, -4, -1), 20)
    assert SCRIPT["followed"](found, moved) == pytest.approx(1.0)
    assert SCRIPT["followed"](found, found) == 0


def test_main__writes_table_scores_curves_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = run_config(tmp_path)
    train_stereo(config, Start(sources={}, display=SilentDisplay()))
    assert (config.save_dir / "config.toml").read_text().startswith(to_toml({"recipe": Setting("stereo", "command")}))
    assert SCRIPT["main"]([str(config.save_dir), str(tmp_path / "out"), "--pairs", "4", "--learned-from", "3"]) == 0
    table = (tmp_path / "out" / "table.md").read_text()
    assert table == capsys.readouterr().out[-len(table) :]
    assert [name in table for name in ("two eyes", "mean map", "block matching", "follows the right picture")] == [True] * 4
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["mono"]["values"]["follows"] == 0
    assert set(scores) == {"mono", "refined", "stereo", "constant", "mean map", "block matching"}
    curves = (tmp_path / "out" / "curves.svg").read_text()
    assert curves.count("<svg") == 5
    assert (tmp_path / "out" / "pairs.png").stat().st_size > 0
