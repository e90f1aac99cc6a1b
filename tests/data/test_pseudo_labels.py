# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, DataError, UsageError
from leadline.data.label_folder import manifest_path, tar_path
from leadline.data.pseudo_labels import open_pseudo_labels
from leadline.data.request import DatasetRequest
from leadline.rasters.images import decode_image
from tests.labelling.toys import ToyLabels, encoded, jpeg, label_all, request_for, write_pictures, write_tar


def layout(root: Path) -> DatasetRequest:
    label_all(request_for(write_pictures(root / "pictures", 4), root / "labels"))
    return DatasetRequest(root=root / "pictures", options={"labels": str(root / "labels")})


def opened(request: DatasetRequest, **options: Any) -> Any:
    return open_pseudo_labels(DatasetRequest(root=request.root, split=request.split, options={**request.options, **options}))


@pytest.mark.parametrize("dtype", ["uint16", "fp16"])
def test_pseudo_labels__cover_their_pictures(tmp_path: Path, dtype: str) -> None:
    images = write_pictures(tmp_path / "pictures", 5)
    label_all(request_for(images, tmp_path / "labels", dtype=dtype))
    dataset = opened(DatasetRequest(root=images, options={"labels": str(tmp_path / "labels")}))
    assert len(dataset) == 5
    for index in range(5):
        sample = dataset[index]
        rgb = decode_image((images / sample.key).read_bytes(), "")
        assert torch.equal((sample.image * 255).round().byte().permute(1, 2, 0), torch.from_numpy(rgb))
        assert sample.kind is DepthKind.AFFINE_DISPARITY
        small = ToyLabels().label([rgb])[0].values
        corners = sample.depth[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert np.allclose(corners, small[[0, 0, -1, -1], [0, -1, 0, -1]], atol=0.02)
        assert bool(sample.valid.all())


def test_pseudo_labels__of_tars_find_picture_and_label_by_place(tmp_path: Path) -> None:
    tars = tmp_path / "tars"
    for number in range(2):
        members = {f"sa_{number}{index}.jpg": jpeg(10 * number + index) for index in range(3)}
        write_tar(tars / f"sa_{number}.tar", {**members, "sa.json": b"{}"})
    label_all(request_for(tars, tmp_path / "labels"))
    dataset = opened(DatasetRequest(root=tars, options={"labels": str(tmp_path / "labels")}))
    assert [dataset.key(index) for index in (0, 5)] == ["sa_0.tar/sa_00.jpg", "sa_1.tar/sa_12.jpg"]
    rgb = decode_image(jpeg(11), "")
    assert torch.equal((dataset[4].image * 255).round().byte().permute(1, 2, 0), torch.from_numpy(rgb))


def test_pseudo_labels__hold_out_by_folder(tmp_path: Path) -> None:
    request = layout(tmp_path)
    parts = {}
    for split in ("train", "val"):
        dataset = open_pseudo_labels(
            DatasetRequest(root=request.root, split=split, options={**request.options, "val_fraction": 0.5})
        )
        parts[split] = {dataset.key(index) for index in range(len(dataset))}
    assert parts["train"] | parts["val"] == {"000.jpg", "002.jpg", "inner/001.jpg", "inner/003.jpg"}
    assert not parts["train"] & parts["val"]


def test_pseudo_labels__invalid_pixels_stay_invalid_and_sky_stays_valid_at_zero(tmp_path: Path) -> None:
    class Holes(ToyLabels):
        def label(self, pictures: Any) -> Any:
            maps = super().label(pictures)
            for one in maps:
                one.valid[:5, :5] = False
                one.values[:5, :5] = np.nan
                one.values[-5:, -5:] = 0.0
            return maps

    images = write_pictures(tmp_path / "pictures", 2)
    label_all(request_for(images, tmp_path / "labels"), Holes())
    sample = opened(DatasetRequest(root=images, options={"labels": str(tmp_path / "labels")}))[0]
    assert not sample.valid[:8, :8].any()
    assert bool(sample.valid[-6:, -6:].all())
    assert bool((sample.depth[-6:, -6:] == 0).all())


def test_pseudo_labels__refuse_a_picture_that_is_not_the_one_that_was_labelled(tmp_path: Path) -> None:
    request = layout(tmp_path)
    (tmp_path / "pictures" / "000.jpg").write_bytes(jpeg(77, 50, 31))
    with pytest.raises(DataError, match=r"the picture that was labelled as 000\.jpg"):
        opened(request)[0]


def test_pseudo_labels__refuse_a_label_whose_geometry_does_not_match_its_picture(tmp_path: Path) -> None:
    request = layout(tmp_path)
    path = manifest_path(tmp_path / "labels", 0)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for name in ("label_start", "label_bytes", "label_sha256", "label_size_px", "scale", "offset"):
        lines[0][name], lines[1][name] = lines[1][name], lines[0][name]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match="20x30 for a picture of 50x30"):
        opened(request)[0]


def test_pseudo_labels__refuse_damaged_labels_by_name(tmp_path: Path) -> None:
    request = layout(tmp_path)
    tar = tar_path(tmp_path / "labels", 0)
    stored = bytearray(tar.read_bytes())
    stored[600] ^= 1
    tar.write_bytes(stored)
    with pytest.raises(DataError, match=r"label of 000\.jpg in .*other bytes"):
        opened(request)[0]


def test_pseudo_labels__refuse_another_model_and_another_kind_than_declared(tmp_path: Path) -> None:
    request = layout(tmp_path)
    assert len(opened(request, model="toy", kind="affine_disparity")) == 4
    with pytest.raises(DataError, match="labels by giant, as declared"):
        opened(request, model="giant")
    with pytest.raises(ContractError, match="labels of kind metric, as declared; got affine_disparity"):
        opened(request, kind="metric")
    with pytest.raises(UsageError, match="option 'labels'"):
        open_pseudo_labels(DatasetRequest(root=tmp_path))


def test_pseudo_labels__leave_out_dead_labels_where_asked(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "pictures", 2)
    (images / "sky.png").write_bytes(encoded(np.zeros((20, 30, 3), np.uint8), "PNG"))
    label_all(request_for(images, tmp_path / "labels"))
    request = DatasetRequest(root=images, options={"labels": str(tmp_path / "labels")})
    assert len(opened(request)) == 3
    assert len(opened(request, drop_dead=True)) == 2
