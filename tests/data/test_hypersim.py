# SPDX-License-Identifier: Apache-2.0
"""Hypersim: distances become z-depth, NaN is masked, splits are by scene, radiance is shown where a preview is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.hypersim import Hypersim, open_hypersim
from leadline.data.hypersim_camera import CAMERAS_NAME, STANDARD
from leadline.data.hypersim_tone import tone_mapped
from leadline.data.request import DatasetRequest, OptionValue
from tests.data.layouts import hdf5, hypersim, picture
from tests.data.test_hypersim_list import ROW

TILT = ("0.0,0.0,-1.0", "0.0,0.3,-1.0")


def layout(root: Path) -> DatasetRequest:
    hypersim(root, {"ai_001_001": 2, "ai_001_002": 1})
    return DatasetRequest(root=root)


def opened(root: Path, split: str | None = None, **options: OptionValue) -> Hypersim:
    return open_hypersim(DatasetRequest(root=root, split=split, options=options))


def test_hypersim__gives_z_depth_and_its_camera(tmp_path: Path) -> None:
    dataset = open_hypersim(layout(tmp_path))
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.camera is not None
    assert sample.key == "ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg"
    assert sample.kind is DepthKind.METRIC
    assert (int(sample.valid.sum()), bool(sample.valid[0, 0])) == (24 * 32 - 1, False)
    expected = torch.tensor(4.0 * STANDARD.z_per_ray_length(24, 32))
    assert torch.equal(sample.depth[sample.valid], expected[sample.valid])
    assert float(sample.depth[12, 16]) == pytest.approx(4.0, abs=0.01)
    assert float(sample.depth[0, 31]) == pytest.approx(4.0 * 0.8112, abs=0.05)
    assert float(sample.camera.matrix[0, 0]) == pytest.approx(886.81 / 32, rel=1e-4)
    assert Field.CAMERA in dataset.provides
    assert len(dataset) == 6


def test_hypersim__splits_by_scene(tmp_path: Path) -> None:
    layout(tmp_path)
    scenes = {split: {frame.scene for frame in opened(tmp_path, split).frames} for split in ("train", "val")}
    assert scenes == {"train": {"ai_001_001"}, "val": {"ai_001_002"}}
    with pytest.raises(DataError, match=r"at least one sample in dataset 'hypersim'; got none in .*split 'test'"):
        opened(tmp_path, "test")


def test_hypersim__tone_maps_where_there_is_no_preview(tmp_path: Path) -> None:
    hypersim(tmp_path, {"ai_001_001": 1}, radiance=True)
    dataset = opened(tmp_path)
    assert dataset.key(1) == "ai_001_001/images/scene_cam_00_final_hdf5/frame.0001.color.hdf5"
    linear = np.random.default_rng(1).random((24, 32, 3)).astype(np.float16) * 7
    expected = torch.from_numpy(tone_mapped(linear, np.full((24, 32), True))).permute(2, 0, 1) / 255
    assert torch.equal(dataset[1].image, expected)
    hdf5(tmp_path / dataset.frames[0].entities, np.full((24, 31), 1))
    with pytest.raises(DataError, match=r"24x32 .*got 24x31 in .*render_entity_id"):
        dataset[0]


def test_hypersim__a_tilted_lens_has_depth_but_no_camera_and_can_be_left_out(tmp_path: Path) -> None:
    layout(tmp_path)
    path = tmp_path / CAMERAS_NAME
    header, first, second = path.read_text().splitlines()
    path.write_text("\n".join((header, first, second.replace(*TILT))) + "\n")
    kept = opened(tmp_path)
    assert kept.provides == {Field.IMAGE, Field.DEPTH}
    tilted = kept[len(kept) - 1]
    assert tilted.camera is None
    assert tilted.depth is not None
    assert float(tilted.depth[0, 16]) < float(tilted.depth[23, 16])
    upright = opened(tmp_path, tilted="leave_out")
    assert {frame.scene for frame in upright.frames} == {"ai_001_001"}
    assert Field.CAMERA in upright.provides


def test_hypersim__without_the_file_of_cameras_says_so_and_with_half_of_it_refuses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layout(tmp_path)
    path = tmp_path / CAMERAS_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(DataError, match=rf"every scene in .*{CAMERAS_NAME}; got 1 that are not, the first ai_001_002"):
        opened(tmp_path)
    assert not caplog.records
    path.unlink()
    assert opened(tmp_path)[0].camera is not None
    assert "every lens is taken for unshifted" in caplog.text


def test_hypersim__follows_an_official_list(tmp_path: Path) -> None:
    layout(tmp_path)
    listing = tmp_path / "val.txt"
    listing.write_text(ROW.format("ai_001_002", "0001") + ROW.format("ai_001_001", "0000"))
    dataset = open_hypersim(DatasetRequest(root=tmp_path, listing=listing))
    assert [frame.scene for frame in dataset.frames] == ["ai_001_002", "ai_001_001"]
    assert dataset[1].depth is not None
    listing.write_text(ROW.format("ai_001_002", "0009"))
    with pytest.raises(DataError, match=r"2 of 2 missing, the first at ai_001_002.*tonemap\.jpg"):
        open_hypersim(DatasetRequest(root=tmp_path, listing=listing))


def test_hypersim__refuses_sizes_that_differ_and_unknown_choices(tmp_path: Path) -> None:
    dataset = open_hypersim(layout(tmp_path))
    picture(tmp_path / dataset.key(0), 12, 16)
    with pytest.raises(DataError, match=r"the picture's size, 12x16.*got 24x32 in .*depth_meters\.hdf5"):
        dataset[0]
    with pytest.raises(UsageError, match="one of keep, leave_out; got 'maybe'"):
        opened(tmp_path, tilted="maybe")
    with pytest.raises(UsageError, match="a split of 'hypersim'"):
        opened(tmp_path, "dev")
