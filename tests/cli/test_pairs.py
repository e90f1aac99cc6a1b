# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.models.stereo.checkpoint import save_stereo_model
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.stereo_model import StereoModel
from leadline.transforms.resampling import resize_image
from tests.cli.toy import Said, save_toy, say


def save_stereo(folder: Path, rig: TrainingRig | None = None) -> Path:
    torch.manual_seed(0)
    config = StereoModelConfig(
        pyramid=PyramidConfig(encoder="dinov2-toy"), decoder_channels=(8, 8, 8, 8), levels=9, input_size=(64, 96), rig=rig
    )
    save_stereo_model(folder, StereoModel(config))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_stereo(tmp_path_factory.mktemp("stereo"))


@pytest.fixture(scope="module")
def rigged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_stereo(tmp_path_factory.mktemp("rigged"), TrainingRig(baseline_m=0.54, focal_px=58.0, width_px=100))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two pairs in left/ and right/, 12 px apart, with a calibration."""
    for name, seed in (("1.png", 1), ("2.png", 2)):
        coarse = torch.rand(3, 40, 78, generator=torch.Generator().manual_seed(seed))
        wide = (resize_image(coarse, 80, 156) * 255).byte().permute(1, 2, 0).numpy()
        for side, start in (("left", 0), ("right", 12)):
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(wide[:, start : start + 144])).save(tmp_path / "pairs" / side / name)
    write_calibration(tmp_path / "pairs")
    return tmp_path / "pairs"


def write_calibration(folder: Path, **other: float) -> None:
    numbers = {"fx": 100.0, "cx": 71.5, "cy": 39.5, "baseline_m": 0.2, **other}
    (folder / "calibration.json").write_text(json.dumps(numbers))


def predict(capsys: pytest.CaptureFixture[str], model: Path, *words: object) -> Said:
    return say(capsys, "predict", model, *words, "--device", "cpu", "--precision", "fp32")


def facts(path: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads(path.read_text())
    return read


def test_predict__both_eyes_take_a_folder_of_pairs_with_its_calibration(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    said = predict(capsys, model, pairs, "--mode", "stereo", "--out", out, "--save", "npy,ply,color")
    assert said.status == 0, said.err
    assert "2 predicted, 0 skipped" in said.out
    assert said.err.count("calibration.json, baseline 0.2 m") == 1
    assert np.load(out / "left" / "1.npy").shape == (80, 144)
    found = facts(out / "left" / "2.json")
    assert (found["kind"], found["unit"], found["mode"]) == ("metric", "m", "stereo")
    assert found["rig"] == {"baseline_m": 0.2, "focal_px": 100.0}
    assert str(found["right"]).endswith("right/2.png")
    assert {"model", "preprocessing", "network_px"} <= set(found)


def test_predict__flags_are_stronger_than_a_calibration_file_and_px_needs_neither(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pairs / "left" / "1.png", pairs / "right"
    words = ("--mode", "stereo", "--right", right, "--save", "npy")
    told = predict(capsys, model, left, *words, "--out", tmp_path / "a", "--baseline", "0.4", "--fov", "90")
    assert told.status == 0, told.err
    assert facts(tmp_path / "a" / "1.json")["rig"] == {"baseline_m": 0.4, "focal_px": pytest.approx(72, abs=1e-3)}
    (pairs / "left" / "calib.txt").write_text("no numbers")
    plain = predict(capsys, model, left, *words, "--out", tmp_path / "b", "--unit", "px")
    assert plain.status == 0, plain.err
    metres, pixels = np.load(tmp_path / "a" / "1.npy"), np.load(tmp_path / "b" / "1.npy")
    np.testing.assert_allclose(metres * pixels, 0.4 * 72, rtol=1e-4)


@pytest.mark.parametrize("mode", ["mono", "refined"])
def test_predict__one_eye_believes_in_the_cameras_it_learnt_from(
    mode: str, rigged: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--mode", mode, "--post-processing", "flip", "--save", "npy")
    said = predict(capsys, rigged, pairs / "left", *words, "--out", tmp_path / "m")
    assert said.status == 0, said.err
    assert facts(tmp_path / "m" / "1.json")["rig"] == {"baseline_m": 0.54, "focal_px": pytest.approx(0.58 * 144)}
    assert facts(tmp_path / "m" / "1.json")["post_processing"] == "flip"
    predict(capsys, rigged, pairs / "left", *words, "--out", tmp_path / "p", "--unit", "px")
    metres, pixels = np.load(tmp_path / "m" / "1.npy"), np.load(tmp_path / "p" / "1.npy")
    np.testing.assert_allclose(metres * pixels, 0.54 * 0.58 * 144, rtol=1e-4)


def test_predict__a_stereo_network_is_a_model_like_any_other_without_a_mode(
    model: Path, rigged: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for network, kind in ((model, "stereo_disparity"), (rigged, "metric")):
        said = predict(capsys, network, pairs / "left" / "1.png", "--out", tmp_path / kind)
        assert said.status == 0, said.err
        assert facts(tmp_path / kind / "1.json")["kind"] == kind


def test_predict__answers_bad_pairs_in_one_line(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right = pairs / "left", pairs / "right"

    def mistake(*words: object) -> str:
        return predict(capsys, model, *words, "--mode", "stereo", "--out", tmp_path / "out").mistake()

    assert "left camera's picture first" in mistake(right, "--right", left)
    assert "--no-check-pairs" in mistake(right, "--right", left)
    assert "--right with the right picture" in mistake(left / "1.png")
    assert "--right with the right picture" in mistake(left, right)
    assert f"none in {left}" in mistake(left)
    Image.new("RGB", (144, 79)).save(right / "1.png")
    assert "80x144 of" in mistake(left / "1.png", "--right", right)
    (right / "2.png").unlink()
    assert str(left / "2.png") in mistake(left, "--right", right)
    assert str(left / "2.png") in mistake(pairs)
    assert not (tmp_path / "out" / "left").exists()


def test_predict__answers_missing_or_broken_calibration_in_one_line(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistake(*words: object) -> str:
        return predict(capsys, model, *words, "--mode", "stereo", "--out", tmp_path / "out").mistake()

    assert "none that tells their focal length" in mistake(pairs, "--baseline", "0.5")
    assert "a baseline above 0 metres" in mistake(pairs, "--baseline", "-0.5", "--fov", "60")
    write_calibration(pairs, cx=400.0)
    assert "a principal point inside the 80x144 picture" in mistake(pairs)
    write_calibration(pairs, baseline_m=-0.5)
    assert "calibration.json" in mistake(pairs)
    (pairs / "calibration.json").unlink()
    assert "calibrated pair of cameras for metres" in mistake(pairs, "--unit", "m")
    assert "points keep their shape" in mistake(pairs, "--save", "ply")


def test_predict__says_which_of_many_pairs_looks_wrong_and_goes_on(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("left", "right"):
        (pairs / side / "3.png").write_bytes((pairs / side / "1.png").read_bytes())
    for side in ("left", "right"):
        Image.new("RGB", (144, 80), (90, 90, 90)).save(pairs / side / "2.png")
    said = predict(capsys, model, pairs, "--mode", "stereo", "--out", tmp_path / "out", "--save", "npy")
    assert said.status == 0, said.err
    assert "2.png looks wrong" in " ".join(said.err.split())
    assert "3 predicted" in said.out


def test_predict__leaves_a_lone_left_picture_out_where_asked(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs / "right" / "2.png").unlink()
    words = ("--mode", "stereo", "--out", tmp_path / "out", "--save", "npy", "--on-unreadable", "skip")
    said = predict(capsys, model, pairs, *words)
    assert said.status == 0, said.err
    assert "1 predicted" in said.out
    assert "no partner" in said.err


def test_predict__two_eyes_are_refused_for_a_model_with_one(
    pairs: Path, rigged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = save_toy(tmp_path / "plain")
    said = predict(capsys, plain, pairs, "--mode", "stereo", "--out", tmp_path / "out").mistake()
    assert "expected a stereo network" in said
    told = predict(capsys, rigged, pairs / "left", "--mode", "refined", "--baseline", "0.4", "--out", tmp_path / "out")
    assert "no --baseline with --mode refined" in told.mistake()
