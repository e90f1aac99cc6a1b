# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import leadline
from leadline.cli.clips import frame_progress, frames_expected, predict_clips, split_inputs
from leadline.contracts.errors import UsageError
from leadline.inference.predict_files import PredictionSettings
from leadline.inference.predict_video import VideoSettings
from tests.cli.toy import save_toy
from tests.inference.clip_files import striped, write_clip


def test_split_inputs__takes_videos_by_their_ending_and_everything_where_asked() -> None:
    inputs = [Path("a.mp4"), Path("b.gif"), Path("folder"), Path("c.WEBM")]
    clips, others = split_inputs(inputs, video=False, stable=False)
    assert (clips, others) == ([Path("a.mp4"), Path("c.WEBM")], [Path("b.gif"), Path("folder")])
    assert split_inputs(inputs, video=True, stable=True) == (inputs, [])


def test_split_inputs__refuses_to_stabilise_pictures() -> None:
    with pytest.raises(UsageError, match="--video"):
        split_inputs([Path("a.png")], video=False, stable=True)
    split_inputs([Path("a.png"), Path("a.mp4")], video=False, stable=True)


def test_predict_clips__writes_each_into_its_folder_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_toy(tmp_path / "model")
    clip = write_clip(tmp_path / "walk.mp4", [striped(0)] * 5)
    (tmp_path / "shots").mkdir()
    for index in range(3):
        Image.fromarray(striped(0)).save(tmp_path / "shots" / f"{index}.png")
    assert frames_expected([clip, tmp_path / "shots"]) == 8
    predictor = leadline.load(model, device="cpu", precision="fp32", input_size=28)
    settings = VideoSettings(each=PredictionSettings(formats=("npy", "color")), stable=True)
    predict_clips(predictor, [clip, tmp_path / "shots"], tmp_path / "out", settings)
    said = capsys.readouterr()
    assert "walk.mp4: 5 frames, flicker 0." in " ".join(said.out.split())
    assert "before and" in said.out
    assert "walk.mp4" in said.err
    assert np.load(tmp_path / "out" / "walk" / "walk_000004.npy").shape == (48, 64)
    assert (tmp_path / "out" / "walk" / "walk_color.mp4").is_file()
    assert json.loads((tmp_path / "out" / "shots" / "clip.json").read_text())["frames"] == 3


def test_frame_progress__shows_count_and_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with frame_progress("walk.mp4") as advance:
        advance(1, None)
        advance(5, 4)
    assert "5/5" in capsys.readouterr().err
