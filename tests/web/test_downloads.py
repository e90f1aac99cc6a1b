# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.inference.predictor import Predictor
from leadline.models.head_config import RelativeHeadConfig
from leadline.models.stereo.checkpoint import build_network
from leadline.models.stereo.monocular import MonocularPath
from leadline.models.weights import load_model
from leadline.web.downloads import DOWNLOADS, Download, file_stem, offered, write_download, write_model
from leadline.web.known_points import KnownPoint, calibrate_shown
from leadline.web.limits import Limits
from leadline.web.shown_depth import predict_upload
from tests.cli.toy import save_toy
from tests.inference.stand_ins import FormulaPredictor
from tests.models.stereo.tio_fixture import TOY
from tests.web.pictures import HOLE, shown, upload


def test_write_download__npy_holds_the_full_map(tmp_path: Path) -> None:
    path = write_download(shown(tmp_path), "npy", tmp_path / "out")
    values = np.load(path)
    assert (path.name, values.dtype, values.shape) == ("my photo.npy", np.float32, (40, 60))
    assert values[4, 20] == np.float32(3.04)
    assert np.isnan(values[HOLE])
    assert json.loads(path.with_suffix(".json").read_text())["unit"] == "m"


def test_write_download__png16_holds_millimetres(tmp_path: Path) -> None:
    with Image.open(write_download(shown(tmp_path), "png16", tmp_path / "out")) as image:
        stored = np.asarray(image)
    assert (int(stored[4, 20]), int(stored[HOLE])) == (3040, 0)


def test_write_download__ply_holds_a_point_a_pixel_but_the_hole(tmp_path: Path) -> None:
    header = write_download(shown(tmp_path), "ply", tmp_path / "out").read_bytes()[:200]
    assert b"element vertex 2399\n" in header


@pytest.mark.parametrize("form", ["png16", "ply"])
def test_write_download__refuses_metres_where_there_are_none(form: Download, tmp_path: Path) -> None:
    assert form not in offered(DepthKind.AFFINE_DISPARITY)
    with pytest.raises(UsageError, match="affine_disparity; calibrate it"):
        write_download(shown(tmp_path, DepthKind.AFFINE_DISPARITY), form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_offered__is_everything_for_metres_and_the_array_for_all() -> None:
    assert offered(DepthKind.METRIC) == frozenset(DOWNLOADS)
    assert all("npy" in offered(kind) for kind in DepthKind)


def test_write_download__never_overwrites_another_one(tmp_path: Path) -> None:
    one = shown(tmp_path)
    assert len({write_download(one, "npy", tmp_path / "out") for _ in range(2)}) == 2


@pytest.mark.parametrize(
    ("name", "stem"),
    [("../../etc/passwd", "etc_passwd"), ("a\0b", "a_b"), ("...", "picture"), ("", "picture"), ("é (1)", "é (1)")],
)
def test_file_stem__is_a_plain_name(name: str, stem: str) -> None:
    assert file_stem(name).replace("_.._", "_") == stem
    assert len(file_stem("x" * 500)) == 60


def test_write_model__is_a_model_that_predicts_the_metres_of_the_page(tmp_path: Path) -> None:
    # Shown at the network's own size: the page calibrates a map that was enlarged, a model enlarges calibrated numbers.
    toy = load_model(save_toy(tmp_path / "toy", RelativeHeadConfig()))
    predictor = Predictor(toy, device="cpu", precision="fp32", input_size=42)
    one = predict_upload(predictor, upload(tmp_path, 42, 70), tile="off", limits=Limits())
    order = np.argsort(one.depth.values, axis=None)[[0, 980, 1960, -1]]  # far to near, for it is disparity
    points = [
        KnownPoint(x_px=int(place % 70), y_px=int(place // 70), depth_m=metres)
        for place, metres in zip(order, (8.0, 4.0, 3.0, 2.0), strict=True)
    ]
    found = calibrate_shown(one, points)
    path = write_model(predictor, found.calibration, "hf: toy", tmp_path / "out")
    assert path.name == "hf_ toy_calibrated.zip"
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "taken")
    taken = load_model(tmp_path / "taken" / "hf_ toy_calibrated")
    again = Predictor(taken, device="cpu", precision="fp32", input_size=42).predict(one.rgb)
    assert again.kind is DepthKind.METRIC
    assert (again.valid == found.shown.depth.valid).all()
    np.testing.assert_allclose(again.values[again.valid], found.shown.depth.values[again.valid], rtol=1e-5)
    with pytest.raises(UsageError, match="calibration of its own; use `leadline calibrate"):
        write_model(Predictor(taken, device="cpu", precision="fp32"), found.calibration, "toy", tmp_path / "out")
    exported = FormulaPredictor(lambda picture: picture[..., 0].astype(float))
    with pytest.raises(UsageError, match="an exported file; use `leadline calibrate"):
        write_model(exported, found.calibration, "toy", tmp_path / "out")
    stereo = MonocularPath(build_network(TOY))
    with pytest.raises(UsageError, match="got a stereo network"):
        write_model(Predictor(stereo, device="cpu", precision="fp32"), found.calibration, "toy", tmp_path / "out")
