# SPDX-License-Identifier: Apache-2.0
"""DDOS: 100 m at 65535, which is masked like 0; splits by folder; partial downloads are named; classes come along."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field, Sample
from leadline.data.ddos import Ddos, open_ddos
from leadline.data.ddos_classes import CLASS_IDS
from leadline.data.request import DatasetRequest, OptionValue
from leadline.data.unreadable import read_or_next
from leadline.rasters.depth_files import read_raster
from tests.data.layouts import ddos, picture, raster
from tests.data.png_by_hand import decoded_by_hand

FLIGHTS = ("train/neighbourhood/0", "train/park/0", "validation/neighbourhood/0", "test/park/0")


def layout(root: Path) -> DatasetRequest:
    ddos(root, *FLIGHTS)
    return DatasetRequest(root=root)


def opened(root: Path, split: str | None = None, **options: OptionValue) -> Ddos:
    return open_ddos(DatasetRequest(root=root, split=split, options=options))


def keys(dataset: Ddos) -> list[str]:
    return [dataset.key(index) for index in range(len(dataset))]


def flights(dataset: Ddos) -> list[str]:
    return list(dict.fromkeys(key.partition("/image")[0] for key in keys(dataset)))


def truth(sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    assert sample.depth is not None
    assert sample.valid is not None
    return sample.depth, sample.valid


def test_ddos__meets_the_oracles_of_depth(tmp_path: Path) -> None:
    layout(tmp_path)
    sample = opened(tmp_path)[0]
    depth, valid = truth(sample)
    assert sample.kind is DepthKind.METRIC
    assert valid[0, :4].tolist() == [False, False, True, True]
    assert depth[0, 1].item() == 100.0  # stored 65535: as far as the format holds, and masked
    assert depth[0, 2].item() == pytest.approx(50.0008, abs=5e-5)
    assert depth[0, 3].item() == pytest.approx(1003 * 100 / 65535)
    assert valid.sum() == 48 - 2


def test_ddos__sixteen_bit_depth_is_what_another_decoder_reads(tmp_path: Path) -> None:
    rows, columns = np.indices((40, 64))
    stored = (300 * rows + 17 * columns**2 + np.random.default_rng(0).integers(0, 9, (40, 64))).astype(np.uint16)
    stored.flat[:3] = (0, 1, 65535)
    path = raster(tmp_path / "0.png", stored)
    assert read_raster(path).dtype == np.uint16
    assert np.array_equal(read_raster(path), stored)
    assert np.array_equal(decoded_by_hand(path), stored)


def test_ddos__saturation_is_masked_or_the_far_sky_or_a_surface(tmp_path: Path) -> None:
    layout(tmp_path)
    far, far_valid = truth(opened(tmp_path, space="disparity", sky="far")[0])
    assert (far[0, 1].item(), far_valid[0, 1].item(), far_valid[0, 0].item()) == (0.0, True, False)
    assert far[0, 2].item() == pytest.approx(1 / 50.0008, rel=1e-5)
    masked, masked_valid = truth(opened(tmp_path, space="disparity")[0])
    assert not masked_valid[0, :2].any()
    assert torch.equal(masked[masked_valid], far[masked_valid])
    surface, surface_valid = truth(opened(tmp_path, sky="limit")[0])
    assert (surface[0, 1].item(), surface_valid[0, 1].item(), surface_valid[0, 0].item()) == (100.0, True, False)
    with pytest.raises(UsageError, match="space=disparity for sky=far"):
        opened(tmp_path, sky="far")


def test_ddos__another_scale_can_be_stated(tmp_path: Path) -> None:
    layout(tmp_path)
    assert truth(opened(tmp_path, full_scale_m=65.535)[0])[0][0, 2].item() == pytest.approx(32.768)
    for wrong in (0.0, -1.0, "nan", "inf"):
        with pytest.raises(UsageError, match="full_scale_m in metres, above 0"):
            opened(tmp_path, full_scale_m=wrong)


def test_ddos__splits_are_the_folders_and_validation_is_val(tmp_path: Path) -> None:
    layout(tmp_path)
    assert flights(opened(tmp_path, "train")) == ["train/neighbourhood/0", "train/park/0"]
    assert flights(opened(tmp_path, "val")) == flights(opened(tmp_path, "validation")) == ["validation/neighbourhood/0"]
    assert flights(opened(tmp_path, "test")) == ["test/park/0"]
    assert flights(opened(tmp_path)) == list(FLIGHTS)
    with pytest.raises(UsageError, match="a split of 'ddos'"):
        opened(tmp_path, "valid")
    shutil.rmtree(tmp_path / "data" / "test")
    with pytest.raises(DataError, match=r"at least one sample in dataset 'ddos'; got none in .*data/test"):
        opened(tmp_path, "test")
    with pytest.raises(UsageError, match="no list for dataset 'ddos'"):
        open_ddos(DatasetRequest(root=tmp_path, listing=tmp_path / "list.txt"))


def test_ddos__a_flight_in_two_splits_is_refused_whichever_split_is_asked_for(tmp_path: Path) -> None:
    layout(tmp_path)
    data = tmp_path / "data"
    shutil.copytree(data / "train" / "park" / "0", data / "validation" / "park" / "0")
    for split in ("all", "train", "val", "test"):
        with pytest.raises(DataError, match=r"got validation/park/0 with the same metadata\.csv as train/park/0"):
            opened(tmp_path, split)


def test_ddos__counts_frames_as_numbers_and_takes_at_most_so_many(tmp_path: Path) -> None:
    ddos(tmp_path, "train/park/0", frames=12)
    assert [Path(key).name for key in keys(opened(tmp_path))] == [f"{number}.png" for number in range(12)]
    assert [Path(key).name for key in keys(opened(tmp_path, limit=3))] == ["0.png", "4.png", "8.png"]
    assert len(opened(tmp_path, limit=50)) == 12
    with pytest.raises(UsageError, match="a limit of 0"):
        opened(tmp_path, limit=-1)


def test_ddos__filters_flights_and_environments(tmp_path: Path) -> None:
    ddos(tmp_path, "train/neighbourhood/0", "train/neighbourhood/10", "train/park/0", "validation/neighbourhood/0")
    assert flights(opened(tmp_path, "train", flights="0")) == ["train/neighbourhood/0", "train/park/0"]
    assert flights(opened(tmp_path, "train", flights="0, 10", environments="neighbourhood")) == [
        "train/neighbourhood/0",
        "train/neighbourhood/10",
    ]
    assert flights(opened(tmp_path, environments="park")) == ["train/park/0"]
    with pytest.raises(DataError, match="with these options"):
        opened(tmp_path, "val", environments="park")


def test_ddos__the_short_layout_holds_out_whole_flights(tmp_path: Path) -> None:
    ddos(tmp_path, *(f"train/neighbourhood/{number}" for number in range(5)), "train/park/0")
    root = tmp_path / "data" / "train"
    whole = opened(root, layout="short")
    assert whole.key(0) == "neighbourhood/0/image/0.png"
    train, val = opened(root, "train", layout="short"), opened(root, "val", layout="short")
    assert sorted(flights(train) + flights(val)) == sorted(flights(whole))
    assert len(flights(val)) == 1
    assert len(flights(opened(root, "val", layout="short", val_fraction=0.5))) == 3
    with pytest.raises(UsageError, match="a split of 'ddos'"):
        opened(root, "test", layout="short")
    with pytest.raises(DataError, match="add the option layout=short"):
        opened(root)


def test_ddos__a_missing_depth_file_is_named_or_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    layout(tmp_path)
    gone = tmp_path / "data" / "train" / "park" / "0" / "depth" / "1.png"
    gone.unlink()
    with pytest.raises(DataError, match=rf"a depth file for every picture of DDOS; got 1 of 8 missing, the first {gone}"):
        opened(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert len(opened(tmp_path, missing_depth="leave_out")) == 7
    assert str(gone) in caplog.text


def test_ddos__a_flight_without_depth_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    layout(tmp_path)
    shutil.rmtree(tmp_path / "data" / "train" / "park" / "0" / "depth")
    with pytest.raises(DataError, match=r"1 of 4 flights without any, the first train/park/0; .*missing_depth=leave_out"):
        opened(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert "train/park/0" not in flights(opened(tmp_path, missing_depth="leave_out"))
    assert "flights without depth are left out (1): train/park/0" in caplog.text
    assert len(opened(tmp_path, "test")) == 2  # what is not asked for need not be there


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: raster(path, np.full((6, 8), 9, np.uint8)), r"a 16-bit depth PNG of DDOS.*0\.png with uint8"),
        (lambda path: picture(path), r"a raster of one channel.*0\.png with channels R\+G\+B"),
        (lambda path: path.write_bytes(b""), r"a complete depth raster; got .*0\.png"),
        (lambda path: raster(path, np.full((5, 8), 9, np.uint16)), r"6x8 \(height x width\); got 5x8 in .*0\.png"),
    ],
)
def test_ddos__other_depth_files_are_refused_in_one_line_and_can_be_skipped(
    tmp_path: Path, damage: object, said: str
) -> None:
    layout(tmp_path)
    assert callable(damage)
    damage(tmp_path / "data" / "train" / "neighbourhood" / "0" / "depth" / "0.png")
    dataset = opened(tmp_path)
    with pytest.raises(DataError, match=said) as refused:
        dataset[0]
    assert "\n" not in str(refused.value)
    sample, skipped = read_or_next(dataset, 0, lambda one: one)
    assert sample.key == dataset.key(1)
    assert [one.name for one in skipped] == [f"ddos/{dataset.key(0)}"]


def test_ddos__annotations_are_the_stored_classes(tmp_path: Path) -> None:
    layout(tmp_path)
    dataset = opened(tmp_path, class_ids="animals=7")
    known = dataset.annotations(3)
    assert known.ids is not None
    assert known.ids.shape == (6, 8)
    assert set(known.ids.flatten().tolist()) == {CLASS_IDS["background"], CLASS_IDS["trees"], CLASS_IDS["ultra_thin"]}
    assert known.class_ids["animals"] == 7
    assert dataset.provides == {Field.IMAGE, Field.DEPTH}


def test_ddos__without_segmentation_there_are_no_classes_but_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ddos(tmp_path, "train/park/0", classes=False)
    dataset = opened(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert dataset.annotations(0).ids is None
        assert dataset.annotations(1).ids is None
    assert caplog.text.count("without segmentation") == 1
    (tmp_path / "data" / "train" / "park" / "0" / "segmentation").mkdir()
    with pytest.raises(DataError, match=r"a segmentation of every frame of the flight; got no .*segmentation/0\.png"):
        dataset.annotations(0)


def test_ddos__a_picture_of_zero_bytes_is_named(tmp_path: Path) -> None:
    layout(tmp_path)
    broken = tmp_path / "data" / "test" / "park" / "0" / "image" / "1.png"
    broken.write_bytes(b"")
    with pytest.raises(DataError, match=r"a complete picture; got .*test/park/0/image/1\.png"):
        opened(tmp_path, "test")[1]


def test_ddos__a_grey_picture_is_rgb_too(tmp_path: Path) -> None:
    layout(tmp_path)
    path = tmp_path / "data" / "test" / "park" / "0" / "image" / "0.png"
    Image.fromarray(np.full((6, 8), 51, np.uint8)).save(path)
    assert torch.equal(opened(tmp_path, "test")[0].image, torch.full((3, 6, 8), 0.2))
