# SPDX-License-Identifier: Apache-2.0
"""One's own labels come out as the manifest says, and the real frames with their published numbers."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.manifest import ManifestLine
from leadline.contracts.sample import Field
from leadline.data.labelled_folder import LabelledFolder, open_labelled_folder
from leadline.data.manifest_file import write_manifest
from leadline.data.request import DatasetRequest
from leadline.rasters.depth_files import read_raster
from tests.data.layouts import picture, ramp16, raster
from tests.shared_paths import shared


def layout(root: Path) -> DatasetRequest:
    picture(root / "rgb" / "1.png")
    raster(root / "depth" / "1.png", ramp16())
    return DatasetRequest(root=root)


def opened(root: Path, lines: list[ManifestLine], **request: object) -> LabelledFolder:
    write_manifest(root / "manifest.jsonl", lines)
    return open_labelled_folder(DatasetRequest(root=root, **request))  # type: ignore[arg-type]


def frames(root: Path, count: int, folder: str = "") -> list[ManifestLine]:
    lines = []
    for index in range(count):
        picture(root / folder / f"{index}.jpg", seed=index)
        raster(root / folder / "d" / f"{index}.png", ramp16())
        name = f"{folder}/" if folder else ""
        lines.append(ManifestLine(image=f"{name}{index}.jpg", depth=f"{name}d/{index}.png", scale=0.001))
    return lines


def test_labelled_folder__reads_lines_in_their_order(tmp_path: Path) -> None:
    lines = frames(tmp_path, 3)[::-1]
    dataset = opened(tmp_path, lines)
    assert [dataset.key(index) for index in range(3)] == ["2.jpg", "1.jpg", "0.jpg"]
    assert dataset.provides == {Field.IMAGE, Field.DEPTH}
    sample = dataset[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.depth[1, 0] == torch.tensor(1.008)
    assert int(sample.valid.sum()) == 47
    assert (sample.kind, sample.dataset, sample.camera) == (DepthKind.METRIC, "labelled_folder", None)


def test_labelled_folder__reads_a_manifest_from_elsewhere_with_absolute_paths(tmp_path: Path) -> None:
    (line,) = frames(tmp_path / "data", 1)
    absolute = ManifestLine(
        image=str(tmp_path / "data" / line.image), depth=str(tmp_path / "data" / line.depth), scale=0.001
    )
    write_manifest(tmp_path / "lists" / "mine.jsonl", [absolute])
    assert open_labelled_folder(DatasetRequest(listing=tmp_path / "lists" / "mine.jsonl"))[0].depth is not None


def test_labelled_folder__carries_cameras_only_where_every_line_has_one(tmp_path: Path) -> None:
    first, second = frames(tmp_path, 2)
    with_camera = ManifestLine(image=first.image, depth=first.depth, scale=0.001, intrinsics_px=(10.0, 11.0, 4.0, 3.0))
    dataset = opened(tmp_path, [with_camera])
    camera = dataset[0].camera
    assert Field.CAMERA in dataset.provides
    assert camera is not None
    assert camera.matrix.tolist() == [[10, 0, 4], [0, 11, 3], [0, 0, 1]]
    assert Field.CAMERA not in opened(tmp_path, [with_camera, second]).provides


def test_labelled_folder__keeps_the_kind_and_refuses_mixtures(tmp_path: Path) -> None:
    first, second = frames(tmp_path, 2)
    affine = ManifestLine(image=first.image, depth=first.depth, kind=DepthKind.AFFINE_DISPARITY)
    assert opened(tmp_path, [affine])[0].kind is DepthKind.AFFINE_DISPARITY
    with pytest.raises(DataError, match="affine_disparity as in the first; got metric in line 2"):
        opened(tmp_path, [affine, second])


def test_labelled_folder__uses_the_splits_of_the_manifest_and_no_val_fraction_beside_them(tmp_path: Path) -> None:
    named = [
        ManifestLine(image=line.image, depth=line.depth, scale=0.001, split=split)
        for line, split in zip(frames(tmp_path, 4), ("train", "val", None, "train"), strict=True)
    ]
    for split, keys in (("train", ["0.jpg", "2.jpg", "3.jpg"]), ("val", ["1.jpg", "2.jpg"]), (None, None)):
        dataset = opened(tmp_path, named, split=split)
        assert [frame.key for frame in dataset.frames] == (keys or [line.image for line in named])
    with pytest.raises(UsageError, match="train, val, all; got 'test'"):
        opened(tmp_path, named, split="test")
    with pytest.raises(UsageError, match=r"whose lines name the splits train, val; got 'val_fraction'; leave it out"):
        opened(tmp_path, named, split="val", options={"val_fraction": "0.5"})


def test_labelled_folder__divides_by_folder_where_no_line_names_a_split(tmp_path: Path) -> None:
    lines = [line for folder in "abcde" for line in frames(tmp_path, 2, folder)]
    train, val = (opened(tmp_path, lines, split=split) for split in ("train", "val"))
    folders = [{frame.key[0] for frame in part.frames} for part in (train, val)]
    assert folders[0] | folders[1] == set("abcde")
    assert not folders[0] & folders[1]
    assert len(opened(tmp_path, lines, split="test")) == 10
    assert len(opened(tmp_path, lines, split="val", options={"val_fraction": "0.4"})) == 4


def test_labelled_folder__says_that_a_test_split_nobody_named_holds_the_training_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = frames(tmp_path, 2)
    with caplog.at_level(logging.WARNING):
        for split in ("train", "val", "all", None):
            opened(tmp_path, lines, split=split)
        opened(tmp_path, [dataclasses.replace(line, split="test") for line in lines], split="test")
        assert "'test'" not in caplog.text
        opened(tmp_path, lines, split="test")
    said = f"'test' is all 2 lines of {tmp_path / 'manifest.jsonl'}, those of 'train' and 'val' among them"
    assert caplog.text.count(said) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("scale", "0.0002"), ("kind", "affine_disparity"), ("invalid_values", "0"), ("intrinsics_px", "10,11,4,3")],
)
def test_labelled_folder__refuses_options_that_a_manifest_overrules(tmp_path: Path, option: str, value: str) -> None:
    message = rf"depth_size and val_fraction beside .*manifest\.jsonl.*got '{option}'; write {option} into its lines"
    with pytest.raises(UsageError, match=message):
        opened(tmp_path, frames(tmp_path, 2), options={option: value})


def test_labelled_folder__without_a_manifest_pairs_by_name(tmp_path: Path) -> None:
    for index in (1, 2):
        picture(tmp_path / "rgb" / f"{index}.jpg")
        raster(tmp_path / "depth" / f"{index}.png", ramp16())
    options = {"invalid_values": "0,1001", "intrinsics_px": "10,11,4,3"}
    dataset = open_labelled_folder(DatasetRequest(root=tmp_path, options=options))
    sample = dataset[1]
    assert sample.key == "rgb/2.jpg"
    assert sample.valid is not None
    assert sample.depth is not None
    assert sample.valid[0, :3].tolist() == [False, False, True]
    assert sample.depth[0, 2] == torch.tensor(1.002)
    assert sample.camera is not None
    tum = open_labelled_folder(DatasetRequest(root=tmp_path, options={"scale": "0.0002"}))[0]
    assert tum.depth is not None
    assert tum.depth[0, 2] == torch.tensor(0.2004)


def test_labelled_folder__takes_floats_for_metres_and_masks_nan(tmp_path: Path) -> None:
    picture(tmp_path / "rgb" / "1.jpg")
    (tmp_path / "depth").mkdir()
    values = np.full((6, 8), 2.5, np.float32)
    values[0, :3] = (np.nan, np.inf, -1)
    np.save(tmp_path / "depth" / "1.npy", values)
    sample = open_labelled_folder(DatasetRequest(root=tmp_path))[0]
    assert sample.valid is not None
    assert sample.depth is not None
    assert (int(sample.valid.sum()), float(sample.depth[1, 1])) == (45, 2.5)
    relative = open_labelled_folder(DatasetRequest(root=tmp_path, options={"kind": "affine_disparity"}))
    assert relative[0].kind is DepthKind.AFFINE_DISPARITY


def test_labelled_folder__asks_for_the_scale_of_eight_bits(tmp_path: Path) -> None:
    picture(tmp_path / "rgb" / "1.jpg")
    raster(tmp_path / "depth" / "1.png", np.full((6, 8), 128, np.uint8))
    with pytest.raises(DataError, match="more than 8 bits"):
        open_labelled_folder(DatasetRequest(root=tmp_path))
    sample = open_labelled_folder(DatasetRequest(root=tmp_path, options={"scale": str(10 / 255)}))[0]
    assert sample.depth is not None
    assert float(sample.depth[0, 0]) == pytest.approx(5.019608, abs=5e-7)
    millimetres = open_labelled_folder(DatasetRequest(root=tmp_path, options={"scale": "0.001"}))
    with pytest.raises(DataError, match=r"16-bit raster for scale 0.001; got .* 0.255 m"):
        millimetres[0]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"scale": "mm"}, "'scale'.*'mm'; write e.g. scale=0.001"),
        ({"invalid_values": "0;9"}, "'invalid_values'.*'0;9'; write e.g. invalid_values=0,65535"),
        ({"scale": "0"}, "'scale' to be a number other than 0; got '0'; write e.g. scale=0.001"),
        ({"scale": "nan"}, "'scale' to be a number other than 0; got 'nan'"),
        ({"scale": "inf"}, "'scale' to be a number other than 0; got 'inf'"),
        ({"invalid_values": "0,nan"}, "'invalid_values' to be finite numbers.*'0,nan'"),
        ({"intrinsics_px": "0,0,1,1"}, "'intrinsics_px' to be finite, fx above 0.*got '0,0,1,1'; write e.g. intrinsics_px="),
        ({"intrinsics_px": "9,nan,1,1"}, "'intrinsics_px' to be finite"),
        ({"intrinsics_px": "1,2"}, "fx,fy,cx,cy; got 1,2; write e.g. intrinsics_px=585,585,320.5,240.5"),
        ({"kind": "metres"}, "one of auto, metric"),
    ],
)
def test_labelled_folder__answers_wrong_options(tmp_path: Path, options: dict[str, str], match: str) -> None:
    picture(tmp_path / "rgb" / "1.jpg")
    raster(tmp_path / "depth" / "1.png", ramp16())
    with pytest.raises(UsageError, match=match):
        open_labelled_folder(DatasetRequest(root=tmp_path, options=options))


@pytest.mark.parametrize("kind", [DepthKind.METRIC, DepthKind.SCALE_INVARIANT])
def test_labelled_folder__refuses_a_negative_scale_that_leaves_no_distance(tmp_path: Path, kind: DepthKind) -> None:
    (line,) = frames(tmp_path, 1)
    turned = dataclasses.replace(line, scale=-0.001, kind=kind)
    with pytest.raises(DataError, match=rf"scale above 0 for whole numbers that hold {kind.value} depth; got -0.001 for"):
        opened(tmp_path, [turned])[0]
    inverted = opened(tmp_path, [dataclasses.replace(turned, offset=2.0)])[0]
    assert inverted.depth is not None
    assert inverted.depth[0, 1] == torch.tensor(2.0 - 1.001)
    assert opened(tmp_path, [dataclasses.replace(turned, kind=DepthKind.AFFINE_DEPTH)])[0].valid is not None


def test_labelled_folder__refuses_to_open_a_validation_part_of_nothing(tmp_path: Path) -> None:
    lines, options = frames(tmp_path, 3), {"val_fraction": "0"}
    assert len(opened(tmp_path, lines, split="train", options=options)) == 3
    with pytest.raises(DataError, match=r"in split 'val'; got none at val_fraction=0; raise val_fraction"):
        opened(tmp_path, lines, split="val", options=options)


def test_labelled_folder__names_missing_files_with_their_line(tmp_path: Path) -> None:
    lines = frames(tmp_path, 3)
    (tmp_path / "d" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1 of 6 missing, the first at line 2: .*d/1\.png"):
        opened(tmp_path, lines)


def test_labelled_folder__refuses_emptiness(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one sample"):
        open_labelled_folder(DatasetRequest(root=tmp_path))
    with pytest.raises(UsageError, match="root folder"):
        open_labelled_folder(DatasetRequest())


CHECKED = [
    ("seven_scenes/frame-000000.color.jpg", "seven_scenes/frame-000000.depth.png", 1000, (0.0, 65535.0)),
    ("seven_scenes/frame-000858.color.jpg", "seven_scenes/frame-000858.depth.png", 1000, (0.0, 65535.0)),
    ("hololens/000/images/00003.png", "hololens/000/depth/00003.png", 1000, (0.0,)),
    ("hololens/000/images/00378.png", "hololens/000/depth/00378.png", 1000, (0.0,)),
    ("redwood_tum_sun/color/00000.jpg", "redwood_tum_sun/depth/00000.png", 1000, (0.0,)),
    ("redwood_tum_sun/other_formats/TUM_color.png", "redwood_tum_sun/other_formats/TUM_depth.png", 5000, (0.0,)),
    ("icl_nuim/color/1.png", "icl_nuim/depth/1.png", 5000, (0.0,)),
    ("tum/1.png", "tum/1_depth.png", 5000, (0.0,)),
    ("tum/2.png", "tum/2_depth.png", 5000, (0.0,)),
    ("nyu_like/color/1.png", "nyu_like/depth/1.pgm", 1000, (0.0,)),
]


@pytest.mark.parametrize(("image", "depth", "divisor", "invalid"), CHECKED)
def test_labelled_folder__reads_real_frames_with_the_published_statistics(
    tmp_path: Path, image: str, depth: str, divisor: int, invalid: tuple[float, ...]
) -> None:
    root = shared("data")
    line = ManifestLine(image=str(root / image), depth=str(root / depth), scale=1 / divisor, invalid_values=invalid)
    sample = opened(tmp_path, [line])[0]
    (check,) = [check for check in json.loads((root / "checks.json").read_text()) if check["file"] == depth]
    assert sample.depth is not None
    assert sample.valid is not None
    values = sample.depth[sample.valid].numpy()
    found = [round(float(number), 4) for number in (values.min(), np.median(values), values.max())]
    assert found == [check["min_m"], check["median_m"], check["max_m"]]
    assert values.size == check["valid_px"]
    assert list(sample.depth.shape) == check["shape"]


def test_labelled_folder__reads_the_real_phone_frame_only_when_sizes_may_differ(tmp_path: Path) -> None:
    root = shared("data/arkit")
    line = ManifestLine(image=str(root / "image.jpg"), depth=str(root / "arkit_depth.png"), scale=0.001)
    with pytest.raises(DataError, match=r"1440x1920 .*; got 192x256"):
        opened(tmp_path, [line])[0]
    sample = opened(tmp_path, [line], options={"depth_size": "resize_depth"})[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.depth.shape == (1440, 1920)
    assert bool(sample.valid.all())
    values = sample.depth.numpy()
    found = [round(float(number), 4) for number in (values.min(), values.max())]
    assert found == [1.566, 3.512]
    assert np.array_equal(np.unique(values), np.unique((read_raster(root / "arkit_depth.png") / 1000).astype(np.float32)))


def hr_wsi(root: Path) -> None:
    """Two frames of its training part: 8-bit disparity of which the first pixel is 0 (sky) and the last row is masked."""
    disparity = np.arange(48, dtype=np.uint8).reshape(6, 8)
    valid = np.full((6, 8), 255, np.uint8)
    valid[5] = 0
    for name in ("a", "b"):
        picture(root / "train" / "imgs" / f"{name}.jpg")
        raster(root / "train" / "gts" / f"{name}.png", disparity)
        raster(root / "train" / "valid_masks" / f"{name}.png", valid)


def test_labelled_folder__reads_hr_wsi_with_its_masks_as_disparity(tmp_path: Path) -> None:
    hr_wsi(tmp_path)
    dataset = open_labelled_folder(DatasetRequest(root=tmp_path, options={"space": "disparity"}))
    sample = dataset[0]
    assert [dataset.key(index) for index in range(2)] == ["train/imgs/a.jpg", "train/imgs/b.jpg"]
    assert sample.kind is DepthKind.AFFINE_DISPARITY
    assert sample.depth is not None
    assert sample.valid is not None
    assert torch.equal(sample.depth, torch.arange(48.0).reshape(6, 8))
    assert sample.valid[:5].all()  # disparity 0 is the sky, which the mask keeps
    assert not sample.valid[5].any()
    no_zero = open_labelled_folder(DatasetRequest(root=tmp_path, options={"space": "disparity", "invalid_values": "0"}))[0]
    assert no_zero.valid is not None
    assert not no_zero.valid[0, 0]


def test_labelled_folder__refuses_disparity_offered_as_depth(tmp_path: Path) -> None:
    hr_wsi(tmp_path / "hrwsi")
    with pytest.raises(DataError, match=r"depth of more than 8 bits.*or space=disparity if it is that"):
        open_labelled_folder(DatasetRequest(root=tmp_path / "hrwsi"))
    root = tmp_path / "mine"
    picture(root / "rgb" / "1.png")
    raster(root / "disparity" / "1.png", ramp16())
    with pytest.raises(
        UsageError, match=r"space=disparity for rasters in a folder called so.*got neither for disparity/1\.png"
    ):
        open_labelled_folder(DatasetRequest(root=root))
    kinds = {
        option: open_labelled_folder(DatasetRequest(root=root, options=dict([option]))).kind
        for option in (("space", "disparity"), ("space", "depth"), ("kind", "stereo_disparity"), ("kind", "metric"))
    }
    assert list(kinds.values()) == [
        DepthKind.AFFINE_DISPARITY, DepthKind.METRIC, DepthKind.STEREO_DISPARITY, DepthKind.METRIC,
    ]  # fmt: skip
    for kind, space in (("metric", "disparity"), ("affine_disparity", "depth")):
        with pytest.raises(UsageError, match=f"a kind of {space}; got kind={kind}"):
            open_labelled_folder(DatasetRequest(root=root, options={"kind": kind, "space": space}))


def test_labelled_folder__reads_the_declared_unit_from_options_and_lines(tmp_path: Path) -> None:
    request = layout(tmp_path)
    for unit, first_m in (("m", 1008.0), ("cm", 10.08), ("mm", 1.008), ("auto", 1.008)):
        dataset = open_labelled_folder(DatasetRequest(root=request.root, options={"unit": unit}))
        sample = dataset[0]
        assert sample.depth is not None
        assert sample.depth[1, 0] == torch.tensor(first_m)
        line = dataclasses.replace(dataset.lines[0])
        again = opened(tmp_path / "lists", [dataclasses.replace(line, image=f"../{line.image}", depth=f"../{line.depth}")])
        assert again[0].depth is not None
        assert torch.equal(again[0].depth, sample.depth)
    with pytest.raises(UsageError, match="'unit' to be m, which is what kinds other than metric leave it at; got 'cm'"):
        open_labelled_folder(DatasetRequest(root=request.root, options={"unit": "cm", "space": "disparity"}))
    with pytest.raises(DataError, match=r"'unit' to be one of m, cm, mm; got line 1"):
        opened(tmp_path / "lists", [ManifestLine(image="a", depth="b", unit="ft")])  # type: ignore[arg-type]


def test_labelled_folder__a_mask_that_does_not_fit_or_is_missing_is_named(tmp_path: Path) -> None:
    (line,) = frames(tmp_path, 1)
    masked = dataclasses.replace(line, mask="m.png")
    with pytest.raises(DataError, match=r"1 of 3 missing, the first at line 1: .*m\.png"):
        opened(tmp_path, [masked])
    raster(tmp_path / "m.png", np.zeros((3, 4), np.uint8))
    with pytest.raises(DataError, match=r"a mask of the size of .*d/0\.png, 6x8 .*; got 3x4 in .*m\.png"):
        opened(tmp_path, [masked])[0]
    raster(tmp_path / "m.png", np.eye(6, 8, dtype=np.uint8))
    sample = opened(tmp_path, [masked])[0]
    assert sample.valid is not None
    assert int(sample.valid.sum()) == 5  # of the six on the diagonal the first is 0, no depth
