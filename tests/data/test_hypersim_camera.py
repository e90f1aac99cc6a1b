# SPDX-License-Identifier: Apache-2.0
"""Ray length becomes z-depth by each scene's own camera; the numbers are those of the ledger and of the real scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError
from leadline.data.hypersim_camera import STANDARD, HypersimCamera, read_cameras
from leadline.geometry.camera import camera_rays
from tests.data.layouts import hypersim
from tests.shared_paths import shared

SHIFTED = HypersimCamera((0.58, 0.0, -0.07, 0.0, 0.43, 0.09, 0.0, 0.0, -1.0))
TILTED = HypersimCamera((0.58, 0.0, -0.07, 0.0, 0.43, 0.09, 0.0, 0.2, -1.0))


def test_z_per_ray_length__meets_the_oracle_of_the_usual_camera() -> None:
    factors = STANDARD.z_per_ray_length(768, 1024)
    assert factors.dtype == np.float32
    assert factors[0, 0] == pytest.approx(0.811189, abs=1e-6)
    assert factors[383, 0] == pytest.approx(0.866237, abs=1e-6)
    assert factors[383, 511] == pytest.approx(0.9999997, abs=2e-7)
    x, y = np.arange(1024) - 511.5, (np.arange(768) - 383.5)[:, None]
    assert np.abs(factors - 886.81 / np.sqrt(x * x + y * y + 886.81**2)).max() < 1e-5


@pytest.mark.parametrize("camera", [STANDARD, SHIFTED])
def test_pinhole__and_z_depth_fit_together(camera: HypersimCamera) -> None:
    """Points unprojected by the matrix lie at the distance that was stored, which is what a camera is good for."""
    factors, pinhole = camera.z_per_ray_length(96, 128), camera.pinhole(96, 128)
    assert pinhole is not None
    rays = camera_rays(pinhole.matrix.double(), 96, 128)
    assert torch.allclose(rays.norm(dim=0), 1 / torch.tensor(factors).double(), atol=1e-5)


def test_pinhole__of_the_usual_camera_has_60_degrees_and_a_middle() -> None:
    pinhole = STANDARD.pinhole(768, 1024)
    assert pinhole is not None
    expected = torch.tensor([[886.8100, 0, 512], [0, 886.8100, 384], [0, 0, 1]])
    assert torch.allclose(pinhole.matrix, expected, atol=1e-2)


def test_pinhole__of_a_shifted_lens_has_its_centre_elsewhere_and_of_a_tilted_one_there_is_none() -> None:
    pinhole = SHIFTED.pinhole(768, 1024)
    assert pinhole is not None
    # direction 0, 0, -1 at u = 0.07 / 0.58 and v = -0.09 / 0.43
    assert float(pinhole.matrix[0, 2]) == pytest.approx((1 + 0.07 / 0.58) * 512, abs=0.01)
    assert float(pinhole.matrix[1, 2]) == pytest.approx((1 + 0.09 / 0.43) * 384, abs=0.01)
    assert TILTED.pinhole(768, 1024) is None


def test_read_cameras__gives_the_published_z_depth_of_the_real_scene() -> None:
    from leadline.data.hdf5_file import read_hdf5_array

    root = shared("data/hypersim")
    camera = read_cameras(root / "metadata_camera_parameters.csv")["ai_037_002"]
    frame = root / "ai_037_002" / "images" / "scene_cam_00_geometry_hdf5" / "frame.0000.depth_meters.hdf5"
    distance = read_hdf5_array(frame).astype(np.float64)
    z = distance * camera.z_per_ray_length(768, 1024)
    assert [float(z.min()), float(np.median(z)), float(z.max())] == pytest.approx([2.80399, 5.16538, 12.7448], abs=5e-5)
    usual = distance * STANDARD.z_per_ray_length(768, 1024)
    assert np.abs(usual - z).max() == pytest.approx(0.382, abs=1e-3)
    pinhole = camera.pinhole(768, 1024)
    assert pinhole is not None  # tilted by half a degree: a pinhole camera to within 5 px
    rays = camera_rays(pinhole.matrix.double(), 768, 1024).norm(dim=0)
    assert float((rays * torch.tensor(camera.z_per_ray_length(768, 1024)) - 1).abs().max()) < 0.005


@pytest.mark.parametrize(
    ("old", "new"),
    [("-1.0", "1.0"), ("0.4330127018922193", "nan"), ("0.4330127018922193", "wide"), ("M_cam_from_uv_21", "M_cam")],
)
def test_read_cameras__refuses_what_is_no_camera(tmp_path: Path, old: str, new: str) -> None:
    hypersim(tmp_path, {"ai_001_001": 1})
    path = tmp_path / "metadata_camera_parameters.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"a camera in each row; got .*row of scene 'ai_001_001'"):
        read_cameras(path)
