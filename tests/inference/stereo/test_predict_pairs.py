# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.camera import Camera
from leadline.contracts.errors import DataError, StorageError, UsageError
from leadline.geometry.camera import intrinsic_matrix
from leadline.inference.predict_files import PredictionSettings
from leadline.inference.stereo.pair_inputs import InputPair, pair_up
from leadline.inference.stereo.predict_pairs import predict_pairs
from leadline.inference.stereo.rig import KnownRig
from leadline.inference.stereo.stereo_predictor import StereoPredictor, StereoSettings, Unit
from tests.inference.stereo.formula_model import FormulaModel

RIG = KnownRig(baseline_m=0.1, camera=Camera(matrix=intrinsic_matrix(focal_px=(50.0, 50.0), centre_px=(32.0, 16.0))))


@pytest.fixture
def pairs(tmp_path: Path) -> list[InputPair]:
    noise = np.random.default_rng(0).integers(0, 255, (32, 70, 3), np.uint8)
    for side, start in (("left", 0), ("right", 6)):
        (tmp_path / side).mkdir()
        for name in ("1.png", "2.png"):
            Image.fromarray(noise[:, start : start + 64]).save(tmp_path / side / name)
    return pair_up([tmp_path / "left"], tmp_path / "right")


def predictor(unit: Unit = "auto") -> StereoPredictor:
    asked = StereoSettings(mode="stereo", unit=unit)
    model = FormulaModel(count=60)
    return StereoPredictor(model, asked, device="cpu", precision="fp32")  # type: ignore[arg-type]


def test_predict_pairs__writes_disparity_of_the_left_pictures_and_what_made_it(
    pairs: list[InputPair], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    out = tmp_path / "out"
    settings = PredictionSettings(formats=("npy", "png16", "pfm", "color"))
    summary = predict_pairs(predictor(), pairs, out, settings, lambda done, total: told.append((done, total)))
    assert (summary.predicted, told) == (2, [(1, 2), (2, 2)])
    assert abs(np.median(np.load(out / "1.npy")[6:-6, 12:-12]) - 6) < 0.3
    facts = json.loads((out / "2.json").read_text())
    assert (facts["kind"], facts["unit"], facts["mode"], facts["rig"]) == ("stereo_disparity", "px", "stereo", None)
    assert facts["right"].endswith("right/2.png")
    assert facts["network_px"] == [32, 64]
    stored = np.asarray(Image.open(out / "1_depth.png")).astype(np.float64)
    told_px = stored * facts["files"]["png16"]["scale"] + facts["files"]["png16"]["offset"]
    np.testing.assert_allclose(told_px, np.load(out / "1.npy"), atol=1e-3)


def test_predict_pairs__each_pair_has_cameras_of_its_own(pairs: list[InputPair], tmp_path: Path) -> None:
    known = [replace(pairs[0], rig=RIG), replace(pairs[1], rig=replace(RIG, baseline_m=0.3))]
    predict_pairs(predictor(), known, tmp_path / "out", PredictionSettings(formats=("npy", "ply")))
    first, second = (np.load(tmp_path / "out" / f"{name}.npy") for name in "12")
    np.testing.assert_allclose(second, 3 * first, rtol=1e-5)
    assert abs(np.median(first[6:-6, 12:-12]) - 5 / 6) < 0.05
    facts = json.loads((tmp_path / "out" / "1.json").read_text())
    assert facts["kind"] == "metric"
    assert facts["files"]["ply"]["camera"]["matrix_px"][0] == [50, 0, 32]


def test_predict_pairs__refuses_points_of_one_pair_without_cameras_before_it_writes(
    pairs: list[InputPair], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="points keep their shape"):
        predict_pairs(
            predictor(), [replace(pairs[0], rig=RIG), pairs[1]], tmp_path / "o", PredictionSettings(formats=("ply",))
        )
    with pytest.raises(UsageError, match="calibrated pair of cameras for metres"):
        predict_pairs(predictor("m"), [replace(pairs[0], rig=RIG), pairs[1]], tmp_path / "o", PredictionSettings())
    assert not (tmp_path / "o").exists()


def test_predict_pairs__stops_at_or_skips_pictures_that_do_not_fit(
    pairs: list[InputPair], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (60, 32)).save(pairs[0].right)
    with pytest.raises(DataError, match=r"32x64 of .*left/1\.png and 32x60 of .*right/1\.png"):
        predict_pairs(predictor(), pairs, tmp_path / "out", PredictionSettings())
    summary = predict_pairs(predictor(), pairs, tmp_path / "out", PredictionSettings(on_unreadable="skip"))
    assert summary.predicted == 1
    assert summary.skipped[0][0] == pairs[0].left.path
    assert "skipped" in caplog.text
    pairs[1].right.write_bytes(b"no picture")
    with pytest.raises(DataError, match="at least one readable picture"):
        predict_pairs(predictor(), pairs, tmp_path / "out", PredictionSettings(on_unreadable="skip"))


def test_predict_pairs__never_writes_over_a_picture_of_either_side(pairs: list[InputPair], tmp_path: Path) -> None:
    for side in ("left", "right"):
        taken = tmp_path / side / "1_color.png"
        Image.new("RGB", (64, 32)).save(taken)
        more = [replace(pairs[0], right=taken)] if side == "right" else [*pairs, *pair_up([taken], pairs[0].right)]
        with pytest.raises(StorageError, match="never over them"):
            predict_pairs(predictor(), more, tmp_path / side, PredictionSettings(formats=("color",)))
