# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D comes out in metres, masked, with its camera, and without the frames that NYU is tested on."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.request import DatasetRequest, OptionValue
from leadline.data.sunrgbd import SunRgbd, open_sunrgbd, read_intrinsics, rotated_right
from tests.data.layouts import SUN_ORACLE, picture, raster, rotated_left, sun_frame
from tests.shared_paths import shared


def layout(root: Path) -> DatasetRequest:
    entries = [sun_frame(root, f"kv1/b3dodata/img_{n}") for n in range(2)]
    (root / "list.json").write_text(json.dumps(entries))
    return DatasetRequest(root=root, listing=root / "list.json")


def listed(root: Path, entries: list[dict[str, str]]) -> Path:
    (root / "list.json").write_text(json.dumps(entries))
    return root / "list.json"


def opened(root: Path, entries: list[dict[str, str]], split: str | None = None, **options: OptionValue) -> SunRgbd:
    return open_sunrgbd(DatasetRequest(root=root, listing=listed(root, entries), split=split, options=options))


@pytest.mark.parametrize(("millimetres", "stored"), SUN_ORACLE)
def test_rotated_right__undoes_the_rotation_in_sixteen_bits(millimetres: int, stored: int) -> None:
    assert rotated_right(np.array([[stored]], np.uint16), Path("a"))[0, 0] == millimetres
    assert rotated_left(np.array([[millimetres]], np.uint16))[0, 0] == stored


def test_rotated_right__inverts_every_value() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    result = rotated_right(rotated_left(every), Path("a"))
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result, every)


def test_sunrgbd__decodes_metres_and_masks_holes(tmp_path: Path) -> None:
    sample = opened(tmp_path, [sun_frame(tmp_path, "kv1/b3dodata/img_1")])[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.depth[1, 0] == torch.tensor(1.008)
    assert not sample.valid[0, 0]
    assert int(sample.valid.sum()) == 47
    assert sample.key == "SUNRGBD/kv1/b3dodata/img_1/image/img_1.jpg"


def test_sunrgbd__reads_filled_depth_when_asked_and_counts_frames_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [sun_frame(tmp_path, "kv1/b3dodata/img_1"), sun_frame(tmp_path, "kv1/b3dodata/img_2", filled=False)]
    with caplog.at_level(logging.WARNING):
        dataset = opened(tmp_path, entries, use_bfx_depth=True)
    assert "1 of 2 frames list no depth_bfx" in caplog.text
    filled, sensor = dataset[0], dataset[1]
    assert filled.depth is not None
    assert sensor.depth is not None
    assert float(filled.depth[1, 0]) == pytest.approx(2.008)
    assert float(sensor.depth[1, 0]) == pytest.approx(1.008)


def test_sunrgbd__masks_beyond_max_m_and_never_clamps(tmp_path: Path) -> None:
    entry = sun_frame(tmp_path, "kv1/b3dodata/img_1")
    far = np.full((6, 8), 7000, np.uint16)
    far[0, :3] = (8000, 8001, 12345)
    raster(tmp_path / entry["depth"], rotated_left(far))
    sample = opened(tmp_path, [entry], max_m=8.0)[0]
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.valid[0, :4].tolist() == [True, False, False, True]
    assert float(sample.depth[0, 2]) == pytest.approx(12.345)
    everything = opened(tmp_path, [entry])[0]
    assert everything.valid is not None
    assert bool(everything.valid.all())


def test_sunrgbd__moves_the_toolbox_camera_by_half_a_pixel(tmp_path: Path) -> None:
    dataset = opened(tmp_path, [sun_frame(tmp_path, "kv1/b3dodata/img_1")])
    assert dataset.provides == {Field.IMAGE, Field.DEPTH, Field.CAMERA}
    camera = dataset[0].camera
    assert camera is not None
    assert camera.matrix.tolist() == [[500, 0, 4], [0, 510, 3], [0, 0, 1]]


def test_sunrgbd__provides_no_camera_where_one_file_is_missing(tmp_path: Path) -> None:
    entries = [sun_frame(tmp_path, f"kv1/b3dodata/img_{n}") for n in (1, 2)]
    (tmp_path / "SUNRGBD/kv1/b3dodata/img_2/intrinsics.txt").unlink()
    dataset = opened(tmp_path, entries)
    assert dataset.provides == {Field.IMAGE, Field.DEPTH}
    assert dataset[0].camera is None


@pytest.mark.parametrize(
    "content",
    [
        "500 0 4",
        "a b c d e f g h i",
        "0 0 1 0 500 1 0 0 1",
        "inf 0 1 0 500 1 0 0 1",
        "500 0 nan 0 500 1 0 0 1",
        "500 0 1 0 500 1e999 0 0 1",
        "",
    ],
)
def test_read_intrinsics__refuses_what_is_no_camera(tmp_path: Path, content: str) -> None:
    (tmp_path / "intrinsics.txt").write_text(content)
    with pytest.raises(DataError, match=r"intrinsics\.txt"):
        read_intrinsics(tmp_path / "intrinsics.txt")


def test_sunrgbd__leaves_out_nyu_unless_told_not_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entries = [sun_frame(tmp_path, folder) for folder in ("kv1/NYUdata/NYU0001", "kv1/b3dodata/img_1", "kv1/NYUdata/NYU2")]
    with caplog.at_level(logging.INFO):
        assert [key for key in map(opened(tmp_path, entries).key, range(1)) if "NYUdata" in key] == []
    assert "left out 2 of 3 frames" in caplog.text
    assert len(opened(tmp_path, entries)) == 1
    assert len(opened(tmp_path, entries, exclude_nyu=False)) == 3
    with pytest.raises(DataError, match="at least one sample"):
        opened(tmp_path, entries[:1])


def test_sunrgbd__scans_the_tree_from_either_root(tmp_path: Path) -> None:
    sun_frame(tmp_path, "kv1/b3dodata/img_1")
    for root in (tmp_path, tmp_path / "SUNRGBD"):
        assert len(open_sunrgbd(DatasetRequest(root=root))) == 1
    entries = [sun_frame(tmp_path, "kv1/b3dodata/img_1")]
    listing = listed(tmp_path, entries)
    assert open_sunrgbd(DatasetRequest(root=tmp_path / "SUNRGBD", listing=listing))[0].depth is not None


def test_sunrgbd__splits_by_the_official_file(tmp_path: Path) -> None:
    entries = [sun_frame(tmp_path, f"kv1/b3dodata/img_{n}") for n in range(6)]
    (tmp_path / "split.txt").write_text(f"{entries[2]['image']} {entries[2]['depth']}\r\n")
    parts = {
        split: {frame.key for frame in opened(tmp_path, entries, split, split_file=str(tmp_path / "split.txt")).frames}
        for split in ("all", "train", "val", "test")
    }
    assert parts["test"] == {entries[2]["image"]}
    assert parts["train"] | parts["val"] == parts["all"] - parts["test"]
    assert not parts["train"] & parts["val"]
    assert parts["val"]


def test_sunrgbd__without_an_official_file_takes_a_list_as_test_but_no_tree(tmp_path: Path) -> None:
    entries = [sun_frame(tmp_path, f"kv1/b3dodata/img_{n}") for n in range(3)]
    assert len(opened(tmp_path, entries, "test")) == 3
    with pytest.raises(DataError, match="split_file"):
        open_sunrgbd(DatasetRequest(root=tmp_path, split="test"))
    (tmp_path / "SUNRGBD_val_splits.txt").write_text(f"{entries[1]['image']} {entries[1]['depth']}\n")
    assert [frame.key for frame in open_sunrgbd(DatasetRequest(root=tmp_path, split="test")).frames] == [entries[1]["image"]]


def test_sunrgbd__says_that_a_list_taken_as_test_holds_the_training_frames(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [sun_frame(tmp_path, f"kv1/b3dodata/img_{n}") for n in range(3)]
    with caplog.at_level(logging.WARNING):
        for split in ("train", "all"):
            opened(tmp_path, entries, split)
        assert "'test'" not in caplog.text
        opened(tmp_path, entries, "test")
        (tmp_path / "SUNRGBD_val_splits.txt").write_text(f"{entries[1]['image']} {entries[1]['depth']}\n")
        opened(tmp_path, entries, "test")
    said = f"'test' is all 3 frames of {tmp_path / 'list.json'}, those of 'train' and 'val' among them"
    assert caplog.text.count(said) == 1


def test_sunrgbd__keeps_a_recording_on_one_side(tmp_path: Path) -> None:
    entries = [sun_frame(tmp_path, f"xtion/sun3ddata/place/seq_{n % 4}/{n:04d}") for n in range(12)]
    sides = {}
    for split in ("train", "val"):
        frames = opened(tmp_path, entries, split, val_fraction=0.3).frames
        sides[split] = {frame.key.split("/")[4] for frame in frames}
    assert sides["val"]
    assert not sides["train"] & sides["val"]


def test_sunrgbd__names_faults(tmp_path: Path) -> None:
    entries = [sun_frame(tmp_path, f"kv1/b3dodata/img_{n}") for n in range(3)]
    raster(tmp_path / entries[0]["depth"], np.full((6, 8), 100, np.uint8))
    picture(tmp_path / entries[1]["image"], 3, 4)
    dataset = opened(tmp_path, entries)
    for index, match in ((0, "16-bit SUN RGB-D depth; got .* with uint8"), (1, "3x4 .* got 6x8")):
        with pytest.raises(DataError, match=match):
            dataset[index]
    (tmp_path / entries[2]["image"]).unlink()
    with pytest.raises(DataError, match="1 of 6 missing, the first at entry 3"):
        opened(tmp_path, entries)
    with pytest.raises(UsageError, match="max_m above 0"):
        opened(tmp_path, entries, max_m=0)


@pytest.mark.parametrize("filled", [False, True])
def test_sunrgbd__reads_the_real_frames_with_the_published_statistics(filled: OptionValue) -> None:
    root = shared("data/sunrgbd")
    request = DatasetRequest(root=root, listing=root / "list.json", options={"use_bfx_depth": filled})
    dataset = open_sunrgbd(request)
    checks = {check["file"]: check for check in json.loads(shared("data/checks.json").read_text())}
    assert len(dataset) == 2
    for index in range(2):
        sample = dataset[index]
        check = checks[f"sunrgbd/{dataset.frames[index].depth.relative_to(root).as_posix()}"]
        assert sample.depth is not None
        assert sample.valid is not None
        values = sample.depth[sample.valid].numpy()
        found = [round(float(number), 4) for number in (values.min(), np.median(values), values.max())]
        assert found == [check["min_m"], check["median_m"], check["max_m"]]
        assert values.size == check["valid_px"]
        assert ("depth_bfx" in check["file"]) == filled
        assert list(sample.depth.shape) == check["shape"]


def test_sunrgbd__decodes_the_real_file_whose_low_bits_are_set(tmp_path: Path) -> None:
    folder = shared("data/redwood_tum_sun/other_formats")
    entry = {"image": str(folder / "SUN_color.jpg"), "depth": str(folder / "SUN_depth.png")}
    relative = {key: Path(path).relative_to(folder).as_posix() for key, path in entry.items()}
    sample = open_sunrgbd(DatasetRequest(root=folder, listing=listed(tmp_path, [relative])))[0]
    assert sample.depth is not None
    assert sample.valid is not None
    values = sample.depth[sample.valid].numpy()
    found = [round(float(number), 4) for number in (values.min(), np.median(values), values.max())]
    assert found == [1.057, 2.723, 9.87]
    assert values.size == 251188
    request = DatasetRequest(root=folder, listing=listed(tmp_path, [relative]), options={"max_m": 8})
    masked = open_sunrgbd(request)[0]
    assert masked.valid is not None
    assert values.size - int(masked.valid.sum()) == 8097


def test_sunrgbd__finds_the_real_test_frame_in_the_official_split() -> None:
    split_file = str(shared("data/splits/sunrgbd/SUNRGBD_val_splits.txt.gz"))
    dataset = open_sunrgbd(DatasetRequest(root=shared("data/sunrgbd"), split="test", options={"split_file": split_file}))
    assert [dataset.key(index).split("/")[2] for index in range(len(dataset))] == ["align_kv2"]
