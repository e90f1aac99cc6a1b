# SPDX-License-Identifier: Apache-2.0
"""Both packagings of iBims-1 give the same scene: masked by both masks, 50 m full scale, camera, edges and planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field, Sample
from leadline.data.catalog import DATASETS
from leadline.data.ibims import open_ibims
from leadline.data.request import DatasetRequest
from tests.data.layouts import ibims_mat, ibims_raw, picture, raster


def layout(root: Path) -> DatasetRequest:
    ibims_raw(root)
    return DatasetRequest(root=root)


def check_scene(sample: Sample) -> None:
    assert sample.image.shape == (3, 6, 8)
    assert sample.depth is not None
    assert sample.valid is not None
    assert not sample.valid[:3].any()  # no depth; masked invalid; transparent
    assert bool(sample.valid[3:5].all())
    assert sample.depth[3, 0] == 10.0
    assert sample.depth[5, 7] == 50.0
    assert sample.camera is not None
    assert sample.camera.matrix.tolist() == [[550.5, 0, 4], [0, 551.5, 3], [0, 0, 1]]


def test_ibims__reads_the_raw_packaging(tmp_path: Path) -> None:
    ibims_raw(tmp_path / "ibims1_core_raw")
    for root in (tmp_path, tmp_path / "ibims1_core_raw"):
        dataset = open_ibims(DatasetRequest(root=root))
        assert [dataset.key(index) for index in range(len(dataset))] == ["corridor_01", "office_02"]
        assert dataset.provides == {Field.IMAGE, Field.DEPTH, Field.CAMERA}
        check_scene(dataset[1])
        assert dataset[1].key == "office_02"


def test_ibims__reads_the_mat_packaging(tmp_path: Path) -> None:
    ibims_mat(tmp_path / "ibims1_core_mat")
    dataset = open_ibims(DatasetRequest(root=tmp_path, split="test"))
    check_scene(dataset[0])
    sample = dataset[0]
    assert sample.valid is not None
    assert not sample.valid[5, 6]  # NaN


def test_ibims__scales_depth_by_fifty_metres(tmp_path: Path) -> None:
    ibims_raw(tmp_path, ("a",))
    raw = np.full((6, 8), 1, np.uint16)
    raw[0, :2] = (13107, 65535)
    raster(tmp_path / "depth" / "a.png", raw)
    depth = open_ibims(DatasetRequest(root=tmp_path))[0].depth
    assert depth is not None
    assert depth[0, :2].tolist() == [10.0, 50.0]
    assert float(depth[1, 1]) == pytest.approx(50 / 65535)


def test_ibims__layout_can_be_chosen(tmp_path: Path) -> None:
    ibims_raw(tmp_path / "ibims1_core_raw")
    ibims_mat(tmp_path / "ibims1_core_mat")
    assert len(open_ibims(DatasetRequest(root=tmp_path))) == 2
    assert len(open_ibims(DatasetRequest(root=tmp_path, options={"layout": "mat"}))) == 1
    with pytest.raises(DataError, match="layout 'mat'; got neither"):
        open_ibims(DatasetRequest(root=tmp_path / "ibims1_core_raw", options={"layout": "mat"}))


def test_ibims__annotations_of_the_raw_packaging_have_fitted_normals(tmp_path: Path) -> None:
    ibims_raw(tmp_path)
    annotations = open_ibims(DatasetRequest(root=tmp_path)).annotations(0)
    assert annotations.edges.dtype == torch.bool
    assert set(annotations.edges.nonzero()[:, 1].tolist()) == {4}
    assert [(plane.kind, int(plane.mask.sum())) for plane in annotations.planes] == [("wall", 12), ("wall", 9)]
    normal = annotations.planes[0].normal  # constant depth faces the camera
    assert abs(float(normal[2])) == pytest.approx(1.0, abs=1e-6)


def test_ibims__annotations_of_the_mat_packaging_have_stored_normals_in_the_camera_frame(tmp_path: Path) -> None:
    ibims_mat(tmp_path)
    annotations = open_ibims(DatasetRequest(root=tmp_path)).annotations(0)
    assert [plane.kind for plane in annotations.planes] == ["wall", "wall"]
    assert annotations.planes[0].normal.tolist() == [0, 0, 1]  # forward
    assert annotations.planes[1].normal.tolist() == pytest.approx([0.6, -0.8, 0])  # up is -y
    assert annotations.edges[:, 4].all()


def test_ibims__annotations_need_the_edges(tmp_path: Path) -> None:
    ibims_raw(tmp_path, ("a",))
    (tmp_path / "edges" / "a.png").unlink()
    dataset = open_ibims(DatasetRequest(root=tmp_path))
    assert dataset[0].depth is not None
    with pytest.raises(DataError, match=r"edges/a\.png"):
        dataset.annotations(0)


def test_ibims__has_nothing_to_train_on(tmp_path: Path) -> None:
    ibims_raw(tmp_path)
    with pytest.raises(UsageError, match="all, test; got 'train'"):
        open_ibims(DatasetRequest(root=tmp_path, split="train"))


def test_ibims__names_faults(tmp_path: Path) -> None:
    ibims_raw(tmp_path, ("a", "b", "c", "d", "e"))
    raster(tmp_path / "depth" / "a.png", np.full((6, 8), 7, np.uint8))
    raster(tmp_path / "mask_transp" / "b.png", np.full((3, 4), 255, np.uint8))
    (tmp_path / "calib" / "c.txt").write_text("550,551,4")
    picture(tmp_path / "rgb" / "d.png", 3, 4)
    (tmp_path / "calib" / "e.txt").write_text("a,b,c,d")
    dataset = open_ibims(DatasetRequest(root=tmp_path))
    matches = ("uint8", "mask of 6x8; got .*b.png with 3x4", "four numbers", "size 3x4; got .*d.png", "e.txt")
    for index, match in enumerate(matches):
        with pytest.raises(DataError, match=match):
            dataset[index]


def test_ibims__names_missing_files_and_empty_lists_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither in"):
        open_ibims(DatasetRequest(root=tmp_path))
    ibims_raw(tmp_path)
    (tmp_path / "mask_invalid" / "office_02.png").unlink()
    with pytest.raises(DataError, match=r"1 of 10 missing, the first at image 'office_02': .*mask_invalid"):
        open_ibims(DatasetRequest(root=tmp_path))
    (tmp_path / "imagelist.txt").write_text("\n")
    with pytest.raises(DataError, match="at least one sample"):
        open_ibims(DatasetRequest(root=tmp_path))


@pytest.mark.parametrize("content", ["nan,551,4,3", "550,inf,4,3", "0,551,4,3", "550,551,4,1e999"])
def test_ibims__refuses_a_camera_that_cannot_place_points(tmp_path: Path, content: str) -> None:
    ibims_raw(tmp_path)
    (tmp_path / "calib" / "corridor_01.txt").write_text(content)
    with pytest.raises(DataError, match=r"all finite.*corridor_01\.txt"):
        open_ibims(DatasetRequest(root=tmp_path))[0]


def test_ibims__is_a_benchmark_that_training_leaves_alone() -> None:
    assert DATASETS["ibims"].evaluation_only
