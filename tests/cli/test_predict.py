# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import Said, save_toy, say
from tests.inference.clip_files import striped, write_clip


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
    assert "--runtime auto is torch" in said.err
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
        (("--tile", "big"), "--tile auto, off or the side"),
        (("--tile", "-5"), "--tile auto, off or the side"),
        (("--tile", "8"), "at least 32 pixels; got 8"),
        (("--tta", "rotate"), "rotate"),
        (("--input-size", "0"), "at least one pixel"),
        (("--panorama", "--tile", "512"), "--panorama or --tile N"),
        (("--panorama", "--fov", "60"), "no --fov or --intrinsics"),
        (("--panorama", "--save", "npy,ply"), "no pinhole camera"),
        (("--panorama",), "a picture of 60x40 pixels"),
        (("--runtime", "tpu"), "tpu"),
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


def test_predict__tiles_what_it_is_told_to_and_says_how(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (pictures, "--out", tmp_path / "out", "--tile", "32", "--input-size", "14", "--tta", "flip+multiscale")
    said = predict(capsys, model, *words)
    assert said.status == 0, said.err
    assert "60x40 picture: 6 tiles of 32x32" in said.err
    facts = json.loads((tmp_path / "out" / "a.b.json").read_text())
    assert (facts["tiling"]["rows"], facts["tiling"]["columns"]) == (2, 3)
    assert facts["tiling"]["seam_ratio"] > 0
    assert facts["test_time"] == {"choice": "flip+multiscale", "input_sizes": [14]}
    assert facts["preprocessing"]["input_size"] == 14
    assert np.load(tmp_path / "out" / "a.b.npy").shape == (40, 60)


def test_predict__auto_tiles_a_picture_four_times_the_networks_size(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (180, 128), (90, 80, 70)).save(pictures / "large.png")
    assert predict(capsys, model, pictures, "--out", tmp_path / "out", "--input-size", "28").status == 0
    tiled = {name: "tiling" in json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in ("a.b", "large")}
    assert tiled == {"a.b": False, "large": True}
    off = ("--out", tmp_path / "off", "--input-size", "28", "--tile", "off")
    assert predict(capsys, model, pictures / "large.png", *off).status == 0
    assert "tiling" not in json.loads((tmp_path / "off" / "large.json").read_text())


def test_predict__a_panorama_says_what_its_numbers_are(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (80, 40), (90, 80, 70)).save(tmp_path / "room.png")
    words = (tmp_path / "room.png", "--out", tmp_path / "out", "--panorama", "--input-size", "28")
    said = predict(capsys, model, *words)
    assert said.status == 0, said.err
    facts = json.loads((tmp_path / "out" / "room.json").read_text())
    assert facts["panorama"]["values"] == "length of the ray from the centre, not z-depth"
    assert np.load(tmp_path / "out" / "room.npy").shape == (40, 80)


@pytest.mark.parametrize(("size", "status"), [((1, 1), 0), ((10000, 1), 2), ((1, 10000), 2)])
def test_predict__answers_pictures_of_strange_shapes(
    model: Path, size: tuple[int, int], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", size, (90, 80, 70)).save(tmp_path / "a.png")
    said = predict(capsys, model, tmp_path / "a.png", "--out", tmp_path / "out")
    assert said.status == status, said.err
    if status:
        assert f"{size[1]}x{size[0]}" in said.mistake()


def test_predict__refuses_inputs_that_are_not_there(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.jpg" in predict(capsys, model, tmp_path / "none.jpg", "--out", tmp_path / "out").mistake()
    assert "an empty list" in say(capsys, "predict", model, "--out", tmp_path).mistake()


def test_predict__refuses_a_format_before_it_looks_for_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = say(capsys, "predict", tmp_path / "none.pth", tmp_path, "--out", tmp_path / "out", "--save", "npy,jpg").mistake()
    assert "'jpg'" in line


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


def test_predict__takes_videos_beside_pictures(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "walk.mp4", [striped(0)] * 4)
    out = tmp_path / "out"
    said = predict(capsys, model, pictures / "a.b.png", clip, "--out", out, "--stable", "--save", "npy,color,glb")
    assert said.status == 0, said.err
    assert "1 predicted" in said.out
    assert "walk.mp4: 4 frames, flicker" in " ".join(said.out.split())
    assert (out / "a.b.npy").is_file()
    assert (out / "walk" / "walk_000003.glb").is_file()
    assert (out / "walk" / "walk_color.mp4").is_file()


def test_predict__takes_a_folder_as_one_clip_where_asked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shots").mkdir()
    for index in range(3):
        Image.fromarray(striped(index)).save(tmp_path / "shots" / f"{index}.png")
    said = predict(capsys, model, tmp_path / "shots", "--video", "--out", tmp_path / "out", "--save", "npy")
    assert said.status == 0, said.err
    assert json.loads((tmp_path / "out" / "shots" / "clip.json").read_text())["frames"] == 3


def test_predict__answers_mistakes_with_clips_in_one_line(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.mp4").write_text("no video")
    for words, why in (
        ((pictures, "--stable"), "a clip for --stable"),
        ((tmp_path / "no.mp4",), "a video that FFmpeg can read"),
        ((tmp_path / "none.mp4",), "no such file"),
    ):
        assert why in predict(capsys, model, *words, "--out", tmp_path / "out").mistake()
