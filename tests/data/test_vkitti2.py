# SPDX-License-Identifier: Apache-2.0
"""Virtual KITTI 2: centimetres become metres or disparity, the sky is masked or far, scenes make the splits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Sample
from leadline.data.pair_list import read_official_pairs
from leadline.data.request import DatasetRequest, OptionValue
from leadline.data.sky import TruthSpace
from leadline.data.vkitti2 import Vkitti2, decode_centimetres, open_vkitti2
from tests.data.layouts import picture, raster, vkitti2
from tests.shared_paths import shared


def layout(root: Path) -> DatasetRequest:
    vkitti2(root, "Scene01/clone", "Scene02/fog")
    return DatasetRequest(root=root)


def opened(root: Path, split: str | None = None, **options: OptionValue) -> Vkitti2:
    return open_vkitti2(DatasetRequest(root=root, split=split, options=options))


def truth(sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    assert sample.depth is not None
    assert sample.valid is not None
    return sample.depth, sample.valid


def keys(dataset: Vkitti2) -> list[str]:
    return [dataset.key(index) for index in range(len(dataset))]


def test_vkitti2__in_metres_masks_sky_and_what_is_beyond_80(tmp_path: Path) -> None:
    layout(tmp_path)
    sample = opened(tmp_path)[0]
    depth, valid = truth(sample)
    assert (sample.key, sample.kind) == ("Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg", DepthKind.METRIC)
    assert not valid[:2].any()
    assert valid[2:].all()
    assert torch.equal(depth[2:], torch.full((45, 155), 12.34))
    _, wider = truth(opened(tmp_path, max_depth_m=100)[0])
    assert wider[1:].all()
    assert not wider[0].any()


def test_vkitti2__as_disparity_has_no_limit_and_may_have_a_far_sky(tmp_path: Path) -> None:
    layout(tmp_path)
    ignored, far = opened(tmp_path, space="disparity")[0], opened(tmp_path, space="disparity", sky="far")[0]
    assert ignored.kind is far.kind is DepthKind.AFFINE_DISPARITY
    values, valid = truth(ignored)
    assert values[1:, 0].tolist() == [pytest.approx(0.01), *[pytest.approx(1 / 12.34)] * 45]
    assert not valid[0].any()
    assert valid[1:].all()
    values, valid = truth(far)
    assert valid.all()
    assert set(values[0].tolist()) == {0.0}


def test_decode_centimetres__meets_the_oracle() -> None:
    raw = np.array([[65535, 65534, 1, 0, 8000, 8001]], np.uint16)
    depth_m, valid = decode_centimetres(raw, Path("x"), truth=TruthSpace(), max_depth_m=80.0)
    assert valid.tolist() == [[False, False, True, False, True, False]]
    assert depth_m[0, 4] == 80.0
    disparity, valid = decode_centimetres(raw, Path("x"), truth=TruthSpace("disparity", "far"), max_depth_m=np.inf)
    assert valid.tolist() == [[True, True, True, False, True, True]]
    assert disparity[0, 0] == 0.0
    assert 1 / disparity[0, 1] == pytest.approx(655.34, rel=1e-6)
    with pytest.raises(DataError, match="16-bit depth in centimetres; got x with uint8"):
        decode_centimetres(raw.astype(np.uint8), Path("x"), truth=TruthSpace(), max_depth_m=80.0)


def test_vkitti2__chooses_scenes_variations_cameras_and_splits(tmp_path: Path) -> None:
    vkitti2(tmp_path, "Scene01/clone", "Scene01/fog", "Scene02/clone", "Scene20/fog", frames=1)
    folders = {split: {key.rpartition("/frames")[0] for key in keys(opened(tmp_path, split))} for split in ("train", "val")}
    assert folders == {"train": {"Scene01/clone", "Scene01/fog", "Scene20/fog"}, "val": {"Scene02/clone"}}
    assert len(opened(tmp_path)) == 4
    assert len(opened(tmp_path, cameras="0,1")) == len(opened(tmp_path, cameras="")) == 8
    assert {key.split("/")[4] for key in keys(opened(tmp_path, cameras="1"))} == {"Camera_1"}
    assert {key.split("/")[1] for key in keys(opened(tmp_path, variations="fog"))} == {"fog"}
    assert {key.split("/")[0] for key in keys(opened(tmp_path, scenes="Scene02,Scene20"))} == {"Scene02", "Scene20"}
    assert {key.split("/")[0] for key in keys(opened(tmp_path, "val", val_scenes="Scene20"))} == {"Scene20"}
    with pytest.raises(DataError, match=r"at least one sample in dataset 'vkitti2'; got none in .*split 'val'"):
        opened(tmp_path, "val", scenes="Scene01")


def test_vkitti2__follows_an_official_list(tmp_path: Path) -> None:
    layout(tmp_path)
    row = "/mnt/x/vKitti2/{0}/frames/rgb/Camera_0/rgb_{1}.jpg /mnt/x/vKitti2/{0}/frames/depth/Camera_0/depth_{1}.png"
    listing = tmp_path / "train.txt"
    listing.write_text(row.format("Scene02/fog", "00001") + "\n" + row.format("Scene01/clone", "00000") + "\n")
    dataset = open_vkitti2(DatasetRequest(root=tmp_path, listing=listing))
    assert [key[:7] for key in keys(dataset)] == ["Scene02", "Scene01"]
    assert dataset[0].camera is not None
    assert len(open_vkitti2(DatasetRequest(root=tmp_path, listing=listing, split="val"))) == 1
    listing.write_text(row.format("Scene06/fog", "00001"))
    with pytest.raises(DataError, match="2 of 2 missing, the first at line 1"):
        open_vkitti2(DatasetRequest(root=tmp_path, listing=listing))
    listing.write_text(row.format("Scene01/clone", "00000").replace("depth_00000", "depth_00001"))
    with pytest.raises(DataError, match=r"the depth of the same frame; got .* in line 1"):
        open_vkitti2(DatasetRequest(root=tmp_path, listing=listing))


def test_vkitti2__reads_every_row_of_the_official_list() -> None:
    listing = shared("data/splits/depth_anything_v2/vkitti2/train.txt.gz")
    rows = read_official_pairs(listing, first_folder=re.compile(r"Scene\d+"), example="Scene01")
    assert len(rows) == 19559
    assert all(row.image.startswith("Scene") and "/frames/depth/Camera_0/depth_" in row.depth for row in rows)


def test_vkitti2__missing_depth_other_sizes_and_bad_options_are_one_line(tmp_path: Path) -> None:
    layout(tmp_path)
    depth = tmp_path / "Scene01" / "clone" / "frames" / "depth" / "Camera_0" / "depth_00001.png"
    raster(depth, np.full((20, 30), 100, np.uint16))
    with pytest.raises(DataError, match=r"47x155 .*; got 20x30 in .*depth_00001\.png"):
        opened(tmp_path)[1]
    depth.unlink()
    with pytest.raises(DataError, match=r"1 of 8 missing, the first at .*: .*depth_00001\.png"):
        opened(tmp_path)
    for options, said in (
        ({"sky": "far"}, "space=disparity for sky=far"),
        ({"space": "inverse"}, "one of metres, disparity; got 'inverse'"),
        ({"max_depth_m": "near"}, "max_depth_m in metres, above 0, or auto; got 'near'"),
        ({"max_depth_m": "-3"}, "got '-3'"),
    ):
        with pytest.raises(UsageError, match=said):
            open_vkitti2(DatasetRequest(root=tmp_path, options=options))
    with pytest.raises(DataError, match="at least one sample"):
        opened(tmp_path / "Scene01")


def test_vkitti2__a_cropped_picture_has_no_camera_that_fits(tmp_path: Path) -> None:
    layout(tmp_path)
    base = tmp_path / "Scene01" / "clone" / "frames"
    picture(base / "rgb" / "Camera_0" / "rgb_00000.jpg", 44, 155)
    raster(base / "depth" / "Camera_0" / "depth_00000.png", np.full((44, 155), 100, np.uint16))
    with pytest.raises(DataError, match=r"pictures of 375x1242.*got 44x155 in Scene01/clone, frame 0"):
        opened(tmp_path)[0]
