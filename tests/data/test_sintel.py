# SPDX-License-Identifier: Apache-2.0
"""MPI Sintel: both passes, depth and cameras as they lie in the archives; far values are sky; broken files in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field
from leadline.data.request import DatasetRequest
from leadline.data.sintel import TAG, open_sintel, read_dpt
from tests.data.layouts import picture

SCENES = ("alley_1", "temple_3")


def dpt(path: Path, depth_m: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = depth_m.shape
    header = np.float32(TAG).tobytes() + np.array([width, height], "<i4").tobytes()
    path.write_bytes(header + depth_m.astype("<f4").tobytes())
    return path


def sintel(pictures: Path, depths: Path) -> None:
    """Two scenes of two frames; pixel (0, 0) is sky at 1e9, the others count up row by row from 1.5."""
    depth_m = 1.5 + np.arange(48, dtype=np.float32).reshape(6, 8)
    depth_m[0, 0] = 1e9
    matrix = np.array([[1120.0, 0, 511.5], [0, 1120.0, 217.5], [0, 0, 1]])
    for scene in SCENES:
        for number in (1, 2):
            for seed, render in enumerate(("clean", "final")):
                picture(pictures / render / scene / f"frame_{number:04d}.png", seed=seed)
            dpt(depths / "depth" / scene / f"frame_{number:04d}.dpt", depth_m)
            camera = depths / "camdata_left" / scene / f"frame_{number:04d}.cam"
            camera.parent.mkdir(parents=True, exist_ok=True)
            camera.write_bytes(np.float32(TAG).tobytes() + matrix.tobytes() + np.zeros((3, 4)).tobytes())


def layout(root: Path) -> DatasetRequest:
    sintel(root / "training", root / "training")
    return DatasetRequest(root=root)


@pytest.mark.parametrize(
    ("pictures", "depths"),
    [("", ""), ("training", "training"), ("MPI-Sintel-complete/training", "MPI-Sintel-depth-training-20150305/training")],
)
def test_sintel__reads_where_the_archives_unpack(tmp_path: Path, pictures: str, depths: str) -> None:
    sintel(tmp_path / pictures, tmp_path / depths)
    dataset = open_sintel(DatasetRequest(root=tmp_path))
    assert [dataset.key(index) for index in range(len(dataset))] == [
        "alley_1/frame_0001", "alley_1/frame_0002", "temple_3/frame_0001", "temple_3/frame_0002",
    ]  # fmt: skip
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.camera is not None
    assert sample.depth[1, :3].tolist() == [9.5, 10.5, 11.5]  # rows, not columns
    assert int(sample.valid.sum()) == 47
    assert not sample.valid[0, 0]
    assert sample.camera.matrix.tolist() == [[1120.0, 0.0, 512.0], [0.0, 1120.0, 218.0], [0.0, 0.0, 1.0]]


def test_sintel__passes_differ_and_farthest_is_the_users(tmp_path: Path) -> None:
    request = layout(tmp_path)
    clean = open_sintel(DatasetRequest(root=request.root, options={"render": "clean"}))
    near = open_sintel(DatasetRequest(root=request.root, options={"farthest_m": 10.5}))
    assert not bool((clean[0].image == near[0].image).all())
    assert near[0].valid is not None
    assert int(near[0].valid.sum()) == 9


def test_sintel__without_cameras_there_are_none(tmp_path: Path) -> None:
    import shutil

    layout(tmp_path)
    shutil.rmtree(tmp_path / "training/camdata_left")
    dataset = open_sintel(DatasetRequest(root=tmp_path))
    assert dataset.provides == frozenset({Field.IMAGE, Field.DEPTH})


@pytest.mark.parametrize("spoil", [b"", b"PIEH", np.float32(TAG).tobytes() + np.array([8, 6], "<i4").tobytes() + b"12"])
def test_sintel__refuses_damaged_depth(tmp_path: Path, spoil: bytes) -> None:
    path = tmp_path / "x.dpt"
    path.write_bytes(spoil)
    with pytest.raises(DataError, match=r"starts with 202021\.25; got .*x\.dpt"):
        read_dpt(path)


def test_sintel__names_missing_depth_sizes_that_differ_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one sample"):
        open_sintel(DatasetRequest(root=tmp_path))
    layout(tmp_path)
    dpt(tmp_path / "training/depth/alley_1/frame_0001.dpt", np.ones((5, 8)))
    with pytest.raises(DataError, match="6x8; got 5x8"):
        open_sintel(DatasetRequest(root=tmp_path))[0]
    (tmp_path / "training/depth/alley_1/frame_0002.dpt").unlink()
    with pytest.raises(DataError, match="the first at alley_1/frame_0002"):
        open_sintel(DatasetRequest(root=tmp_path))
    (tmp_path / "training/camdata_left/temple_3/frame_0001.cam").write_bytes(np.float32(TAG).tobytes())
    dpt(tmp_path / "training/depth/alley_1/frame_0002.dpt", np.ones((6, 8)))
    with pytest.raises(DataError, match=r"frame_0001\.cam \(4 bytes\)"):
        open_sintel(DatasetRequest(root=tmp_path))[2]
