# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from leadline.cli import demo
from leadline.cli.main import main

SMALL = {"encoder": "dinov2-toy", "train_encoder": True, "n_bins": 8, "bin_embedding_dim": 16, "datasets": ("procedural",)}
QUICK = {"epoch_images": 4, "batch_size": 2, "num_workers": 0, "validation_images": 4, "target_size": (28, 42)}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "read_toml_defaults", lambda *_: {**SMALL, **QUICK, "device": "cpu", "max_depth": 80.0})


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
def test_demo__leaves_a_report_and_predictions_and_no_place_for_a_second_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--epochs", "1"]) == 0
    said = capsys.readouterr().out
    assert "guess: constant" in said
    assert "guess: mean-map" in said
    assert (out / "report.html").is_file()
    for frame in sorted((out / "frames").glob("*.png")):
        for ending in (".npy", ".json", "_color.png", "_depth.png", ".ply"):
            assert (out / "predictions" / f"{frame.stem}{ending}").is_file()
    assert len(list((out / "frames").glob("*.png"))) == demo.HELD_OUT_FRAMES
    assert json.loads((out / "evaluation.json").read_text())["protocol"] == "procedural"

    # a second one into the same folder is refused
    assert main(["demo", "--out", str(out), "--epochs", "1"]) == 2
    assert "choose another folder" in capsys.readouterr().err
