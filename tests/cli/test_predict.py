# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.models.config import RelativeHeadConfig
from tests.cli.toy import Said, save_toy, say


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "inner").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in (("a.b.png", (40, 60)), ("inner/c.jpg", (50, 30))):
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(folder / name)
    return folder


def predict(capsys: pytest.CaptureFixture[str], model: Path, *words: object) -> Said:
    return say(capsys, "predict", model, *words, "--device", "cpu", "--precision", "fp32")


def test_predict__writes_an_array_of_the_pictures_size_and_a_description(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = predict(capsys, model, pictures, "--out", tmp_path / "out")
    assert said.status == 0, said.err
    assert "2 predicted, 0 skipped" in said.out
    depth = np.load(tmp_path / "out" / "a.b.npy")
    assert (depth.shape, depth.dtype) == ((40, 60), np.float32)
    assert np.load(tmp_path / "out" / "inner" / "c.npy").shape == (50, 30)
    facts = json.loads((tmp_path / "out" / "a.b.json").read_text())
    assert (facts["kind"], facts["unit"], facts["valid_fraction"]) == ("metric", "m", 1.0)
    assert {"model", "preprocessing"} <= set(facts)
    assert (tmp_path / "out" / "a.b_color.png").is_file()


def test_predict__says_what_auto_means_in_this_version(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = predict(capsys, model, pictures / "a.b.png", "--out", tmp_path / "out")
    assert "--tile auto is whole pictures, --runtime auto is torch" in said.err
    quiet = predict(capsys, model, pictures / "a.b.png", "--out", tmp_path / "o", "--tile", "off", "--runtime", "torch")
    assert "auto is" not in quiet.err


def test_predict__writes_what_save_names(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = predict(capsys, model, pictures / "a.b.png", "--out", tmp_path / "out", "--save", "png16, ply", "--fov", "90")
    assert said.status == 0, said.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.b.json", "a.b.ply", "a.b_depth.png"]
    facts = json.loads((tmp_path / "out" / "a.b.json").read_text())
    assert facts["field_of_view_deg"] == 90.0
    assert facts["files"]["ply"]["camera"]["source"] == "given"
    assert np.allclose(facts["files"]["ply"]["camera"]["matrix_px"], [[30, 0, 30], [0, 30, 20], [0, 0, 1]], atol=1e-4)


def test_predict__takes_intrinsics_as_they_are_given(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (pictures / "a.b.png", "--out", tmp_path / "out", "--save", "ply", "--intrinsics", "50", "51", "29", "19")
    assert predict(capsys, model, *words).status == 0
    facts = json.loads((tmp_path / "out" / "a.b.json").read_text())
    assert facts["files"]["ply"]["camera"]["matrix_px"] == [[50, 0, 29], [0, 51, 19], [0, 0, 1]]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--save", "npz"), "npz"),
        (("--tile", "512"), "--tile auto or off"),
        (("--runtime", "onnx"), "--runtime auto or torch"),
        (("--fov", "180"), "--fov between 0 and 180"),
        (("--fov", "60", "--intrinsics", "1", "1", "1", "1"), "--fov or --intrinsics"),
        (("--intrinsics", "0", "1", "1", "1"), "focal lengths above 0"),
        (("--batch-size", "0"), "batch size"),
        (("--sav", "npy"), "did you mean --save?"),
    ],
)
def test_predict__answers_a_mistake_in_one_line(
    model: Path, pictures: Path, words: tuple[str, ...], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in say(capsys, "predict", model, pictures, "--out", tmp_path / "out", *words).mistake()
    assert not list((tmp_path / "out").glob("**/*.npy"))


def test_predict__refuses_inputs_that_are_not_there(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.jpg" in predict(capsys, model, tmp_path / "none.jpg", "--out", tmp_path / "out").mistake()
    assert "an empty list" in say(capsys, "predict", model, "--out", tmp_path).mistake()


def test_predict__refuses_points_without_metres(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    relative = save_toy(tmp_path / "relative", RelativeHeadConfig())
    line = predict(capsys, relative, pictures, "--out", tmp_path / "out", "--save", "ply").mistake()
    assert "affine_disparity" in line


def test_predict__stops_at_or_skips_an_unreadable_picture(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "broken.png").write_bytes(b"")
    assert "broken.png" in predict(capsys, model, pictures, "--out", tmp_path / "out").mistake()
    said = predict(capsys, model, pictures, "--out", tmp_path / "out", "--on-unreadable", "skip")
    assert said.status == 0, said.err
    assert "2 predicted, 1 skipped" in said.out
    assert "broken.png" in said.err
