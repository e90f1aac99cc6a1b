# SPDX-License-Identifier: Apache-2.0
"""The comparison of a preset with its twin: what is trained, what is left alone, and what is said of embeddings."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest
import torch

from leadline.data.catalog import open_dataset
from leadline.data.request import DatasetRequest
from leadline.inference.predictor import load
from leadline.models.depth_model import DepthModel
from leadline.models.weights import save_model
from tests.recipes.jepa.toy import toy_recipe

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "jepa_twins.py"))


def test_trained__makes_a_run_of_the_preset_and_leaves_a_finished_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda words, **_: commands.append(words))
    run = tmp_path / "run"
    assert SCRIPT["trained"](run, "jepa-tiny-cpu", 2, ["--num-epochs", "1"]) == run
    expected = ["train", "jepa", "--config", "jepa-tiny-cpu", "--seed", "2", "--save-dir", str(run), "--num-epochs", "1"]
    assert [command[3:] for command in commands] == [expected]
    run.mkdir()
    (run / "report.html").touch()
    SCRIPT["trained"](run, "jepa-tiny-cpu", 2, [])
    assert len(commands) == 1


def test_judge__scores_every_scene_and_looks_at_embeddings_whatever_their_scale(tmp_path: Path) -> None:
    model = toy_recipe(jepa_weight=0.0).trained
    save_model(tmp_path, model)
    predictor = load(str(tmp_path), device="cpu", precision="fp32")
    options: dict[str, str | int | float | bool] = {"count": 3, "height": 28, "width": 42}
    scenes = open_dataset("procedural", DatasetRequest(split="test", options=options))
    found = SCRIPT["judge"](predictor, scenes, "jepa-tiny-cpu", 1)
    assert found.cell.seed == 1
    assert [len(values) for values in found.cell.scores["procedural"].values()] == [3, 3]
    assert 1 <= found.embeddings["effective rank"] <= 2.001  # three centred points span a plane
    assert 0 <= found.embeddings["smallest / mean spread"] <= 1
    assert isinstance(predictor.model, DepthModel)
    plain, embed = SCRIPT["embeddings_of"](predictor, scenes), predictor.model.embed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor.model, "embed", lambda features: 7 * embed(features))
        assert SCRIPT["embeddings_of"](predictor, scenes) == pytest.approx(plain, rel=1e-3)
        patch.setattr(predictor.model, "embed", lambda features: torch.ones_like(embed(features)))
        assert SCRIPT["embeddings_of"](predictor, scenes)["effective rank"] == 0


def test_embedding_table__has_a_line_for_each_run() -> None:
    cell = SCRIPT["Cell"](
        variant=SCRIPT["Variant"](group="jepa", name="twin", recipe="jepa"), seed=3, scores={}, seconds=0.0
    )
    text = SCRIPT["embedding_table"]([SCRIPT["Judged"](cell=cell, embeddings={"effective rank": 12.345})])
    assert text.splitlines() == ["| run | seed | effective rank |", "|---|---|---|", "| twin | 3 | 12.3 |"]
