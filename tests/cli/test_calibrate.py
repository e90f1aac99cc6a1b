# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import leadline
from leadline.contracts.depth_map import DepthKind
from leadline.models.checkpoint_folder import read_checkpoint
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import Said, save_toy, say

SCALE, SHIFT = 3.0, 0.1  # 1/m per unit of the toy's disparity, and 1/m


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("toy"), RelativeHeadConfig())


@pytest.fixture(scope="module")
def scenes(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures whose true depth is what the toy says of them, under a known scale and shift, as 16-bit millimetres."""
    folder = tmp_path_factory.mktemp("scenes")
    predictor = leadline.load(model, device="cpu", precision="fp32")
    rng = np.random.default_rng(0)
    for index in range(3):
        small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(small).resize((80, 60), Image.Resampling.BICUBIC))
        Image.fromarray(picture).save(folder / f"{index}.png")
        (folder / "depth").mkdir(exist_ok=True)
        depth_m = truth(predictor.predict(picture).values)
        Image.fromarray(np.rint(depth_m * 1000).astype(np.uint16)).save(folder / "depth" / f"{index}.png")
    lines = (
        json.dumps({"image": f"{i}.png", "depth": f"depth/{i}.png", "kind": "metric", "scale": 0.001}) for i in range(3)
    )
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def truth(said: NDArray[np.float32]) -> NDArray[np.float64]:
    metres: NDArray[np.float64] = 1.0 / (SCALE * said.astype(np.float64) + SHIFT)
    return metres


def points(scenes: Path, path: Path, *, wrong: int = 0) -> Path:
    rng = np.random.default_rng(1)
    lines = ["image,x,y,depth_m"]
    for index in range(3):
        depth_m = np.asarray(Image.open(scenes / "depth" / f"{index}.png")) / 1000
        for x, y in zip(rng.integers(0, 80, 6), rng.integers(0, 60, 6), strict=True):
            lines.append(f"{scenes / f'{index}.png'},{x + 0.5},{y + 0.5},{depth_m[y, x]}")
    for place in range(1, wrong + 1):
        lines[place] = lines[place].rpartition(",")[0] + ",50"
    path.write_text("\n".join(lines) + "\n")
    return path


def calibrate(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    return say(capsys, "calibrate", *words, "--device", "cpu", "--precision", "fp32")


def test_calibrate__from_points_makes_a_model_that_predicts_metres_and_says_so(
    model: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = points(scenes, tmp_path / "points.csv")
    said = calibrate(capsys, model, "--points", csv, "--out", tmp_path / "metric")
    assert said.status == 0, said.err
    assert "metres = 1 / (scale * x + shift), from 18 points in 3 pictures" in " ".join(said.out.split())
    config, _ = read_checkpoint(tmp_path / "metric")
    assert config.calibration is not None
    assert config.calibration.scale == pytest.approx(SCALE, rel=0.02)
    assert config.calibration.shift == pytest.approx(SHIFT, rel=0.05)
    assert config.calibration.evidence.source == str(csv)
    predictor = leadline.load(tmp_path / "metric", device="cpu", precision="fp32")
    depth = predictor.predict(scenes / "0.png")
    assert (depth.kind, depth.unit) == (DepthKind.METRIC, "m")
    known = np.asarray(Image.open(scenes / "depth" / "0.png")) / 1000
    assert np.abs(depth.values / known - 1).max() < 0.02
    told = predictor.description["architecture"]["calibration"]["evidence"]
    assert (told["points"], told["pictures"], told["source"]) == (18, 3, str(csv))
    assert told["abs_rel"] < 0.01


def test_calibrate__from_a_dataset_evaluates_without_alignment(
    model: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ("--dataset", "labelled_folder", "--root", scenes)
    said = calibrate(capsys, model, *source, "--out", tmp_path / "metric", "--pictures", 2, "--points-per-picture", 50)
    assert said.status == 0, said.err
    assert "from 100 points in 2 pictures" in " ".join(said.out.split())
    result = tmp_path / "result.json"
    judged = say(
        capsys, "evaluate", tmp_path / "metric", *source, "--protocol", "depth", "--alignment", "none", "--json", result
    )
    assert judged.status == 0, judged.err
    record = json.loads(result.read_text())
    assert record["metrics"]["abs_rel"] < 0.02
    assert record["model"]["architecture"]["calibration"]["evidence"]["source"] == "dataset labelled_folder"


def test_calibrate__again_replaces_what_was_fitted_before(
    model: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = points(scenes, tmp_path / "points.csv")
    calibrate(capsys, model, "--points", csv, "--out", tmp_path / "first")
    said = calibrate(capsys, tmp_path / "first", "--points", csv, "--out", tmp_path / "second")
    assert "earlier calibration is replaced" in said.err
    first, second = (read_checkpoint(tmp_path / name)[0] for name in ("first", "second"))
    assert first.calibration == second.calibration


def test_calibrate__a_wrong_point_is_outvoted(
    model: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = points(scenes, tmp_path / "points.csv", wrong=2)
    calibrate(capsys, model, "--points", csv, "--out", tmp_path / "metric")
    config, _ = read_checkpoint(tmp_path / "metric")
    assert config.calibration is not None
    assert config.calibration.scale == pytest.approx(SCALE, rel=0.05)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "--points CSV or --dataset NAME"),
        (("--points", "a.csv", "--dataset", "procedural"), "got both"),
        (("--points", "none.csv"), "none.csv"),
        (("--points", "a.csv", "--max-depth", "0"), "--max-depth above 0"),
        (("--dataset", "procedural", "--pictures", "0"), "--pictures of 1 or more"),
        (("--dataset", "da2k_", "--root", "."), "da2k"),
    ],
)
def test_calibrate__answers_a_mistake_in_one_line(
    model: Path, words: tuple[str, ...], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert why in calibrate(capsys, model, *words, "--out", tmp_path / "o").mistake()
    assert not (tmp_path / "o").exists()


def test_calibrate__refuses_degenerate_points_and_itself_as_output(
    model: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = scenes / "0.png"
    one_depth = tmp_path / "one.csv"
    one_depth.write_text("image,x,y,depth_m\n" + "".join(f"{picture},{x},3,2.0\n" for x in range(9)))
    line = calibrate(capsys, model, "--points", one_depth, "--out", tmp_path / "o").mistake()
    assert "differ by at least 10%" in line
    two = tmp_path / "two.csv"
    two.write_text(f"image,x,y,depth_m\n{picture},1,3,2.0\n{picture},9,3,4.0\n")
    assert "at least 3 known depths" in calibrate(capsys, model, "--points", two, "--out", tmp_path / "o").mistake()
    assert "folder of its own" in calibrate(capsys, model, "--points", two, "--out", model).mistake()


def test_calibrate__refuses_a_dataset_without_depth(
    model: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--dataset", "image_folder", "--root", scenes, "--out", tmp_path / "o")
    assert "a dataset with depth in metres" in calibrate(capsys, model, *words).mistake()
