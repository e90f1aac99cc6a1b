# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.geometry.camera import intrinsic_matrix
from leadline.inference.stereo.rig import KnownRig
from leadline.inference.stereo.stereo_predictor import StereoPredictor, StereoSettings
from leadline.models.stereo.config import StereoModelConfig, TrainingRig
from leadline.models.stereo.encoder_config import PyramidConfig
from leadline.models.stereo.stereo_model import StereoModel
from leadline.transforms.resampling import resize_image
from tests.inference.stereo.formula_model import FormulaModel
from tests.shared_paths import SHARED

CAMERA = Camera(matrix=intrinsic_matrix(focal_px=(100.0, 100.0), centre_px=(64.0, 32.0)))
RIG = KnownRig(baseline_m=0.2, camera=CAMERA)
REAL = SHARED / "data" / "stereo"


def pair(disparity_px: int = 8, height: int = 64, width: int = 128) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Smooth noise seen by two cameras."""
    coarse = torch.rand(3, height // 2, (width + disparity_px) // 2, generator=torch.Generator().manual_seed(0))
    wide = (resize_image(coarse, height, width + disparity_px) * 255).byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(wide[:, :width]), np.ascontiguousarray(wide[:, disparity_px:])


def predictor(mode: str = "stereo", model: Any = None, rig: KnownRig | None = None, **settings: Any) -> StereoPredictor:
    asked = StereoSettings(mode=mode, **settings)  # type: ignore[arg-type]
    network: Any = model or FormulaModel(count=100 if mode == "stereo" else 400)
    return StereoPredictor(network, asked, rig=rig, device="cpu", precision="fp32")


def flat(level: int, height: int = 64, width: int = 128) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def test_stereo_predictor__measures_pixels_of_the_left_picture() -> None:
    depth = predictor().predict_pair(*pair())
    assert (depth.kind, depth.unit, depth.values.shape) == (DepthKind.STEREO_DISPARITY, "px", (64, 128))
    assert np.abs(depth.values[8:-8, 16:-16] - 8).max() < 0.3
    assert depth.valid.all()
    assert depth.confidence is not None
    assert depth.confidence[:, :6].max() == 0


def test_stereo_predictor__tells_metres_by_the_pairs_own_cameras() -> None:
    depth = predictor(rig=RIG).predict_pair(*pair())
    assert depth.kind is DepthKind.METRIC
    np.testing.assert_allclose(depth.values[8:-8, 16:-16], 100 * 0.2 / 8, rtol=0.04)
    assert depth.camera is CAMERA
    assert depth.notes["rig"] == {"baseline_m": 0.2, "focal_px": 100.0}
    other = predictor(rig=RIG).predict_pair(*pair(), rig=replace(RIG, baseline_m=0.4))
    np.testing.assert_allclose(other.values, 2 * depth.values, rtol=1e-5)


@pytest.mark.parametrize("rig", [None, RIG])
def test_stereo_predictor__says_the_same_at_any_size_the_network_sees(rig: KnownRig | None) -> None:
    own, smaller = (predictor(rig=rig, input_size=side).predict_pair(*pair(16, 128, 256)) for side in (128, 64))
    assert own.notes["network_px"] == [128, 256]
    assert smaller.notes["network_px"] == [64, 128]
    inner = np.s_[16:-16, 40:-32]
    assert np.median(np.abs(smaller.values[inner] / own.values[inner] - 1)) < 0.02


def test_stereo_predictor__a_squashed_picture_has_the_disparity_of_its_own_width() -> None:
    config = StereoModelConfig(input_size=(64, 128))
    depth = predictor(model=FormulaModel(config, count=100)).predict_pair(*pair(10, 64, 140))
    assert depth.notes["network_px"] == [64, 128]
    assert abs(np.median(depth.values[8:-8, 24:-16]) - 10) < 0.3


def test_stereo_predictor__one_eye_believes_in_the_cameras_it_learnt_from() -> None:
    level, said_px = 128, 64 * 128 / 255
    learnt = TrainingRig(baseline_m=0.5, focal_px=200.0, width_px=256)
    model = FormulaModel(StereoModelConfig(rig=learnt))
    plain = predictor("refined", model).predict_batch([flat(level)])[0]
    assert plain.kind is DepthKind.METRIC
    np.testing.assert_allclose(plain.values, 0.5 * 100.0 / said_px, rtol=0.01)
    told = predictor("refined", model, rig=KnownRig(field_of_view_deg=90)).predict_batch([flat(level)])[0]
    np.testing.assert_allclose(told.values, 0.5 * 64.0 / said_px, rtol=0.01)
    pixels = predictor("refined", model, unit="px").predict_batch([flat(level)])[0]
    assert pixels.kind is DepthKind.STEREO_DISPARITY
    np.testing.assert_allclose(pixels.values, said_px, rtol=0.01)


def test_stereo_predictor__one_eye_of_a_model_that_recorded_no_cameras_tells_pixels() -> None:
    depth = predictor("mono").predict_batch([flat(128), flat(64, 96, 64)])
    assert [one.kind for one in depth] == [DepthKind.STEREO_DISPARITY] * 2
    assert depth[1].values.shape == (96, 64)
    np.testing.assert_allclose(depth[1].values, 64 * 64 / 255, rtol=0.01)


def test_stereo_predictor__one_eye_takes_pairs_too_and_looks_at_the_left_picture() -> None:
    depth = predictor("mono").predict_pair(flat(128), flat(3))
    np.testing.assert_allclose(depth.values, 64 * 128 / 255, rtol=0.01)


@pytest.mark.parametrize("rig", [None, KnownRig(baseline_m=0.2), KnownRig(camera=CAMERA)])
def test_stereo_predictor__refuses_metres_that_nothing_tells(rig: KnownRig | None) -> None:
    unable = predictor(rig=rig, unit="m")
    with pytest.raises(UsageError, match="calibrated pair of cameras for metres") as refused:
        unable.predict_pair(*pair())
    assert ("--baseline" in refused.value.got) == (rig is None or rig.baseline_m is None)
    assert ("--intrinsics" in refused.value.got) == (rig is None or rig.camera is None)
    with pytest.raises(UsageError, match="calibrated pair"):
        _ = unable.kind


def test_stereo_predictor__hands_maps_over_at_the_networks_size_where_asked() -> None:
    model = FormulaModel(StereoModelConfig(input_size=(64, 128)))
    depth = predictor("mono", model, map_size="network").predict_batch([flat(128, 64, 140)])[0]
    assert depth.values.shape == (64, 128)


def test_stereo_predictor__refuses_pictures_of_two_sizes() -> None:
    with pytest.raises(DataError, match="64x128 of the left picture and 60x128 of the right one"):
        predictor().predict_pair(flat(1), flat(1, 60))


def test_stereo_predictor__both_eyes_refuse_single_pictures() -> None:
    with pytest.raises(UsageError, match="single pictures"):
        predictor().predict_batch([flat(1)])


@pytest.mark.parametrize("wrong", [{"mode": "both"}, {"post_processing": "fpp"}, {"unit": "cm"}])
def test_stereo_settings__refuse_other_words_and_list_their_own(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"one of .*, .*choose one of them"):
        StereoSettings(**wrong)


def test_stereo_predictor__reads_files_and_says_what_it_is(tmp_path: Path) -> None:
    for name, picture in zip(("l.png", "r.png"), pair(), strict=True):
        Image.fromarray(picture).save(tmp_path / name)
    from_files = predictor().predict_pair(tmp_path / "l.png", str(tmp_path / "r.png"))
    np.testing.assert_array_equal(from_files.values, predictor().predict_pair(*pair()).values)
    said = predictor("mono", post_processing="flip").description
    assert (said["mode"], said["post_processing"], said["precision"]) == ("mono", "flip", "fp32")
    assert said["architecture"]["levels"] == 49


@pytest.mark.parametrize("mode", ["mono", "refined", "stereo"])
@pytest.mark.parametrize("post_processing", ["none", "flip", "blend", "multiscale"])
def test_stereo_predictor__asks_a_real_network_in_every_way(mode: str, post_processing: str) -> None:
    torch.manual_seed(0)
    config = StereoModelConfig(
        pyramid=PyramidConfig(encoder="dinov2-toy"), decoder_channels=(8, 8, 8, 8), levels=9, input_size=(64, 96)
    )
    depth = predictor(mode, StereoModel(config), post_processing=post_processing).predict_pair(*pair(6, 70, 100))
    assert depth.values.shape == (70, 100)
    assert depth.valid.all()
    assert (depth.values >= 2).all()
    assert (depth.values <= 300 * 100 / 96).all()
    assert depth.confidence is not None
    assert np.ptp(depth.values) > 0


def test_stereo_predictor__a_real_pair_of_cameras_sees_what_is_there() -> None:
    """A tissue box at about half a metre, by comparing rows; nothing here was learnt."""
    folder = REAL / "foundation_pair"
    if not folder.is_dir():
        pytest.skip("shared/data/stereo is not here")
    rig = KnownRig(
        baseline_m=0.063, camera=Camera(matrix=intrinsic_matrix(focal_px=(754.7, 754.7), centre_px=(489.4, 265.2)))
    )
    able = predictor(model=FormulaModel(count=60), rig=rig, input_size=160)
    depth = able.predict_pair(folder / "left.png", folder / "right.png")
    assert depth.values.shape == (540, 960)
    box_m = np.median(depth.values[150:400, 130:330])
    assert 0.35 < box_m < 0.75
