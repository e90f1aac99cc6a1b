# SPDX-License-Identifier: Apache-2.0
"""NYU's two encodings come out in metres, its splits share no room, and its faults are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.nyu import CENTRE_PX, FOCAL_PX, NyuSettings, decode_nyu, open_nyu, scene_of
from leadline.data.request import DatasetRequest
from tests.data.layouts import nyu, picture, raster
from tests.shared_paths import shared


def layout(root: Path) -> DatasetRequest:
    rows = [(f"data/s_{n}/1.jpg", f"data/s_{n}/1.png") for n in range(3)]
    nyu(root, rows)
    (root / "data" / "nyu2_train.csv").write_text("".join(f"{image},{depth}\r\n" for image, depth in rows))
    return DatasetRequest(root=root)


ROWS = [
    (f"data/nyu2_train/{scene}_out/{n}.jpg", f"data/nyu2_train/{scene}_out/{n}.png")
    for scene in ("kitchen_0028a", "kitchen_0028b", "office_0001", "bath_0002", "den_0003")
    for n in (1, 2)
]


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{image},{depth}\r\n" for image, depth in rows).encode())
    return path


def test_decode_nyu__reads_eight_bits_as_tenths_of_a_full_scale() -> None:
    values, valid = decode_nyu(np.array([[26, 128, 255, 0]], np.uint8), Path("a"), NyuSettings())
    np.testing.assert_allclose(values[0, :3], [1.019608, 5.019608, 10.0], atol=5e-7)
    assert valid.tolist() == [[True, True, True, False]]


def test_decode_nyu__reads_sixteen_bits_as_millimetres_and_masks_both_codes() -> None:
    values, valid = decode_nyu(np.array([[0, 1234, 9999, 65535]], np.uint16), Path("a"), NyuSettings())
    assert valid.tolist() == [[False, True, True, False]]
    assert values[0, 1:3].tolist() == [np.float32(1.234), np.float32(9.999)]


@pytest.mark.parametrize(
    ("dtype", "value", "unit"),
    [(np.uint16, 255, "auto"), (np.uint16, 19000, "auto"), (np.uint8, 250, "millimetres"), (np.uint8, 5, "auto")],
)
def test_decode_nyu__refuses_implausible_medians_unless_told_not_to(dtype: type, value: int, unit: str) -> None:
    raw: NDArray[Any] = np.full((16, 16), value, dtype)
    with pytest.raises(DataError, match=r"0.3 to 12.0 m; got .* m in a\.png"):
        decode_nyu(raw, Path("a.png"), NyuSettings(depth_unit=unit))  # type: ignore[arg-type]
    values, _ = decode_nyu(raw, Path("a.png"), NyuSettings(depth_unit=unit, check_range=False))  # type: ignore[arg-type]
    assert (values > 0).all()


def test_decode_nyu__accepts_an_image_without_any_depth() -> None:
    assert not decode_nyu(np.zeros((16, 16), np.uint16), Path("a"), NyuSettings())[1].any()


def test_decode_nyu__can_be_told_the_unit() -> None:
    raw = np.full((2, 2), 128, np.uint16)
    values, _ = decode_nyu(raw, Path("a"), NyuSettings(depth_unit="ten_metres_over_255"))
    assert values[0, 0] == pytest.approx(5.019608, abs=5e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_decode_nyu__refuses_other_rasters(dtype: type) -> None:
    with pytest.raises(DataError, match="8-bit or 16-bit"):
        decode_nyu(np.ones((2, 2), dtype), Path("a"), NyuSettings())


def test_open_nyu__reads_eight_and_sixteen_bits_file_by_file(tmp_path: Path) -> None:
    rows = [("data/a/1.jpg", "data/a/1.png"), ("data/a/2.jpg", "data/a/2.png")]
    nyu(tmp_path, rows)
    raster(tmp_path / rows[0][1], np.full((6, 8), 128, np.uint8))
    dataset = open_nyu(DatasetRequest(root=tmp_path, listing=write_csv(tmp_path / "l.csv", rows)))
    depths = [sample.depth for sample in (dataset[0], dataset[1])]
    assert depths[0] is not None
    assert depths[1] is not None
    assert float(depths[0][0, 0]) == pytest.approx(5.019608, abs=5e-7)
    assert float(depths[1][0, 1]) == pytest.approx(1.001, abs=1e-7)
    assert [dataset.key(0), dataset.key(1)] == ["data/a/1.jpg", "data/a/2.jpg"]
    assert dataset[0].dataset == dataset.name == "nyu"


def test_open_nyu__accepts_the_data_folder_as_root_and_leading_slashes(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS[:1])
    listing = write_csv(tmp_path / "l.csv", [(f"/{image}", f"/{depth}") for image, depth in ROWS[:1]])
    for root in (tmp_path, tmp_path / "data"):
        assert open_nyu(DatasetRequest(root=root, listing=listing))[0].depth is not None


def test_open_nyu__finds_the_usual_lists(tmp_path: Path) -> None:
    test_rows = [("data/nyu2_test/00000_colors.png", "data/nyu2_test/00000_depth.png")]
    nyu(tmp_path, ROWS + test_rows)
    with pytest.raises(DataError, match=r"nyu2_train\.csv; got none"):
        open_nyu(DatasetRequest(root=tmp_path))
    write_csv(tmp_path / "data" / "nyu2_train.csv", ROWS)
    write_csv(tmp_path / "data" / "nyu2_test.csv", test_rows)
    assert len(open_nyu(DatasetRequest(root=tmp_path))) == len(ROWS)
    assert len(open_nyu(DatasetRequest(root=tmp_path, split="test"))) == 1


def test_open_nyu__train_and_val_share_no_room(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS)
    listing = write_csv(tmp_path / "l.csv", ROWS)
    parts = {}
    for split in ("train", "val"):
        dataset = open_nyu(DatasetRequest(root=tmp_path, listing=listing, split=split, options={"val_fraction": 0.3}))
        parts[split] = [dataset.key(index) for index in range(len(dataset))]
    assert sorted(parts["train"] + parts["val"]) == sorted(image for image, _ in ROWS)
    assert not {scene_of(key) for key in parts["train"]} & {scene_of(key) for key in parts["val"]}
    assert parts["val"]


def test_open_nyu__without_a_val_fraction_has_no_val(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS)
    listing = write_csv(tmp_path / "l.csv", ROWS)
    options = {"val_fraction": 0}
    assert len(open_nyu(DatasetRequest(root=tmp_path, listing=listing, split="train", options=options))) == len(ROWS)
    with pytest.raises(DataError, match="val_fraction"):
        open_nyu(DatasetRequest(root=tmp_path, listing=listing, split="val", options=options))


def test_scene_of__joins_the_takes_of_one_room() -> None:
    assert scene_of("data/nyu2_train/kitchen_0028b_out/37.jpg") == "kitchen_0028"
    assert scene_of("kitchen_0028a/rgb_1.jpg") == "kitchen_0028"
    assert scene_of("data/nyu2_test/00000_colors.png") == "nyu2_test"


def test_open_nyu__names_the_first_missing_file_at_once(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS)
    (tmp_path / ROWS[3][1]).unlink()
    with pytest.raises(DataError, match=r"1 of 20 missing, the first at line 4: .*kitchen_0028b_out/2\.png"):
        open_nyu(DatasetRequest(root=tmp_path, listing=write_csv(tmp_path / "l.csv", ROWS)))


def test_open_nyu__refuses_unknown_splits_and_options(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a split of 'nyu'"):
        open_nyu(DatasetRequest(root=tmp_path, split="eval"))
    with pytest.raises(UsageError, match=r"did you mean crop_white_border\?"):
        open_nyu(DatasetRequest(root=tmp_path, options={"crop_border": True}))


def test_nyu__carries_the_kinects_camera_for_640x480_only(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS[:1], size=(480, 640))
    listing = write_csv(tmp_path / "l.csv", ROWS[:1])
    dataset = open_nyu(DatasetRequest(root=tmp_path, listing=listing))
    assert dataset.provides == {Field.IMAGE, Field.DEPTH, Field.CAMERA}
    camera = dataset[0].camera
    assert camera is not None
    # 518.858 519.470 325.582 253.736 for pixel numbers from 1 in the toolbox; our centres start at 0.5.
    expected = torch.tensor([[518.85790, 0, 325.08245], [0, 519.46961, 253.23617], [0, 0, 1]])
    torch.testing.assert_close(camera.matrix, expected, atol=1e-4, rtol=0)
    without = open_nyu(DatasetRequest(root=tmp_path, listing=listing, options={"camera": "none"}))
    assert without.provides == {Field.IMAGE, Field.DEPTH}
    assert without[0].camera is None
    nyu(tmp_path, ROWS[1:2])
    small = open_nyu(DatasetRequest(root=tmp_path, listing=write_csv(tmp_path / "s.csv", ROWS[1:2])))
    assert Field.CAMERA not in small.provides


def test_nyu__refuses_a_picture_of_another_size_after_promising_a_camera(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS[:1], size=(480, 640))
    nyu(tmp_path, ROWS[1:2])
    dataset = open_nyu(DatasetRequest(root=tmp_path, listing=write_csv(tmp_path / "l.csv", ROWS[:2])))
    with pytest.raises(DataError, match=r"480x640.*got 6x8"):
        dataset[1]


def test_nyu__crops_the_white_border_with_depth_and_camera(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS[:1], size=(480, 640))
    listing = write_csv(tmp_path / "l.csv", ROWS[:1])
    options = {"check_range": False}
    whole = open_nyu(DatasetRequest(root=tmp_path, listing=listing, options=options))[0]
    inner = open_nyu(DatasetRequest(root=tmp_path, listing=listing, options={**options, "crop_white_border": True}))[0]
    assert torch.equal(inner.image, whole.image[:, 45:472, 43:608])
    assert inner.depth is not None
    assert whole.depth is not None
    assert inner.valid is not None
    assert inner.camera is not None
    assert torch.equal(inner.depth, whole.depth[45:472, 43:608])
    assert inner.valid.shape == (427, 565)
    centre = inner.camera.matrix[:2, 2].tolist()
    assert centre == pytest.approx([CENTRE_PX[0] - 43, CENTRE_PX[1] - 45], abs=1e-3)
    assert inner.camera.matrix[0, 0] == pytest.approx(FOCAL_PX[0])


def test_nyu__names_faults_of_single_files(tmp_path: Path) -> None:
    nyu(tmp_path, ROWS)
    listing = write_csv(tmp_path / "l.csv", ROWS)
    picture(tmp_path / ROWS[0][1])  # a colour picture where depth should be
    raster(tmp_path / ROWS[1][1], np.full((3, 4), 2000, np.uint16))
    (tmp_path / ROWS[2][0]).write_bytes(b"")
    (tmp_path / ROWS[3][1]).write_bytes((tmp_path / ROWS[4][1]).read_bytes()[:60])
    dataset = open_nyu(DatasetRequest(root=tmp_path, listing=listing))
    for index, match in ((0, "mode RGB"), (1, "6x8.*got 3x4"), (2, "0 bytes"), (3, r"kitchen_0028b_out/2\.png")):
        with pytest.raises(DataError, match=match):
            dataset[index]
    assert dataset[4].depth is not None


@pytest.mark.parametrize("name", ["train.csv", "train_with_header.csv"])
def test_nyu__reads_the_real_csv_files_with_the_published_statistics(name: str) -> None:
    root = shared("data")
    dataset = open_nyu(DatasetRequest(root=root, listing=root / "nyu_csv" / name))
    assert len(dataset) == 167
    checks = {check["file"]: check for check in json.loads((root / "checks.json").read_text())}
    for index in (0, 83, 143, 166):
        sample = dataset[index]
        check = checks[sample.key.replace("color.jpg", "depth.png")]
        assert sample.depth is not None
        assert sample.valid is not None
        values = sample.depth[sample.valid].numpy()
        found = [round(float(number), 4) for number in (values.min(), np.median(values), values.max())]
        assert found == [check["min_m"], check["median_m"], check["max_m"]]
        assert values.size == check["valid_px"]


def test_nyu__holds_out_the_end_of_the_single_real_scene() -> None:
    request = DatasetRequest(root=shared("data"), listing=shared("data/nyu_csv/train.csv"), split="val")
    assert [len(open_nyu(request)), open_nyu(request).key(0)] == [17, "seven_scenes/frame-000900.color.jpg"]
