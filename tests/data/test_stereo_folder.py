# SPDX-License-Identifier: Apache-2.0
"""Folders of rectified pairs: truth, splits, lists, options in place of a file; the real pairs; refusals."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.conventions import require_conventions
from leadline.data.request import DatasetRequest, OptionValue
from leadline.data.stereo_folder import open_stereo_folder, read_disparity
from tests.data.layouts import picture, raster
from tests.shared_paths import shared

CALIBRATION = {"fx": 10.0, "cx": 3.5, "cy": 2.5, "baseline_m": 0.5}
_BARE = frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO})


def pairs(root: Path, *names: str, truth: bool = True) -> Path:
    """Pairs in left/ and right/; disparity is 2 px, in the first row unknown."""
    disparity = np.full((6, 8), 512, np.uint16)
    disparity[0] = 0
    for order, name in enumerate(names):
        picture(root / "left" / f"{name}.png", seed=order)
        picture(root / "right" / f"{name}.png", seed=order + 100)
        if truth:
            raster(root / "disparity" / f"{name}.png", disparity)
    (root / "calibration.json").write_text(json.dumps(CALIBRATION))
    return root


def layout(root: Path) -> DatasetRequest:
    return DatasetRequest(root=pairs(root, "a", "b"))


def test_stereo_folder__gives_pair_camera_and_truth(tmp_path: Path) -> None:
    dataset = open_stereo_folder(layout(tmp_path))
    assert [dataset.key(index) for index in range(len(dataset))] == ["a", "b"]
    assert dataset.provides == _BARE | {Field.DEPTH}
    sample = dataset[1]
    require_conventions(sample)
    assert sample.depth is not None and sample.valid is not None and sample.stereo is not None  # noqa: PT018
    assert sample.camera is not None and sample.stereo.disparity_px is not None  # noqa: PT018
    assert sample.camera.matrix[:2].tolist() == [[10.0, 0.0, 4.0], [0.0, 10.0, 3.0]]
    assert not sample.valid[0].any()
    assert sample.valid[1:].all()
    assert (sample.stereo.disparity_px[1:] == 2.0).all()
    assert (sample.depth[1:] == 2.5).all()


def test_stereo_folder__truth_can_be_left_and_must_be_complete_to_be_promised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = pairs(tmp_path, "a", "b")
    bare = open_stereo_folder(DatasetRequest(root=root, options={"truth": "none"}))
    assert bare.provides == _BARE
    assert bare[0].depth is None
    (root / "disparity/a.png").unlink()
    with caplog.at_level(logging.WARNING):
        dataset = open_stereo_folder(DatasetRequest(root=root))
    assert "1 of 2 pairs have no disparity" in caplog.text
    assert dataset.provides == _BARE
    assert dataset[0].depth is None
    assert dataset[1].depth is not None


def test_stereo_folder__splits_keep_folders_together(tmp_path: Path) -> None:
    root = pairs(tmp_path, *(f"{scene}/{number}" for scene in "abcd" for number in range(2)))
    parts = {
        split: open_stereo_folder(DatasetRequest(root=root, split=split, options={"val_fraction": 0.25}))
        for split in ("train", "val", "all")
    }
    keys = {split: {part.key(index) for index in range(len(part))} for split, part in parts.items()}
    assert keys["train"] | keys["val"] == keys["all"]
    assert not keys["train"] & keys["val"]
    assert len(keys["val"]) == 2
    assert len({key[0] for key in keys["val"]}) == 1


def test_stereo_folder__reads_a_list(tmp_path: Path) -> None:
    root = pairs(tmp_path, "a", "b", "c")
    listing = tmp_path / "list.txt"
    listing.write_text("left/c.png right/c.png disparity/c.png\nleft/a.png right/a.png\n")
    dataset = open_stereo_folder(DatasetRequest(root=root, listing=listing))
    assert [dataset.key(index) for index in range(2)] == ["left/c.png", "left/a.png"]
    assert dataset[0].depth is not None
    listing.write_text("left/c.png right/c.png\nleft/a.png right/gone.png\n")
    with pytest.raises(DataError, match=r"1 of 4 missing, the first at line 2: .*right/gone\.png"):
        open_stereo_folder(DatasetRequest(root=root, listing=listing))


def test_stereo_folder__options_in_place_of_a_calibration(tmp_path: Path) -> None:
    root = pairs(tmp_path, "a")
    (root / "calibration.json").unlink()
    with pytest.raises(DataError, match=r"a calibration \(calibration.json, .*above it.*; got none"):
        open_stereo_folder(DatasetRequest(root=root))
    options: dict[str, OptionValue] = {"focal_px": 20.0, "baseline_m": 0.25}
    sample = open_stereo_folder(DatasetRequest(root=root, options=options))[0]
    assert sample.camera is not None and sample.stereo is not None  # noqa: PT018
    assert sample.camera.matrix[:2].tolist() == [[20.0, 0.0, 4.0], [0.0, 20.0, 3.0]]
    assert float(sample.stereo.baseline_m) == 0.25
    with pytest.raises(UsageError, match="give both"):
        open_stereo_folder(DatasetRequest(root=root, options={"focal_px": 20.0}))


def test_stereo_folder__counts_the_first_pixel_as_it_is_told(tmp_path: Path) -> None:
    dataset = open_stereo_folder(DatasetRequest(root=pairs(tmp_path, "a"), options={"first_centre_px": "0.5"}))
    assert dataset[0].camera.matrix[0, 2] == 3.5  # type: ignore[union-attr]


def test_stereo_folder__without_pairs_says_what_it_looked_for(tmp_path: Path) -> None:
    picture(tmp_path / "left/a.png")
    with pytest.raises(DataError, match=r"left/ and right/, image_2/ and image_3/"):
        open_stereo_folder(DatasetRequest(root=tmp_path))


def test_read_disparity__what_is_stored_and_what_is_none(tmp_path: Path) -> None:
    floats = np.array([[1.5, np.inf, np.nan, 0.0, -3.0]] * 2, np.float32)
    np.save(tmp_path / "d.npy", floats)
    disparity_px, valid = read_disparity(tmp_path / "d.npy")
    assert valid.tolist() == [[True, False, False, False, False]] * 2
    assert disparity_px[0, 0] == 1.5
    stored = raster(tmp_path / "d.png", np.array([[256, 0, 384]] * 2, np.uint16))
    disparity_px, valid = read_disparity(stored)
    assert disparity_px[valid].tolist() == [1.0, 1.5] * 2
    assert read_disparity(stored, step_px=0.5)[0][0, 0] == 128.0
    bytes_ = raster(tmp_path / "e.png", np.array([[40, 0]] * 2, np.uint8))
    with pytest.raises(DataError, match=r"e\.png with uint8; set the option disparity_step_px"):
        read_disparity(bytes_)
    assert read_disparity(bytes_, step_px=1.0)[0][0, 0] == 40.0


def test_stereo_folder__opens_the_real_pairs_in_place() -> None:
    dataset = open_stereo_folder(DatasetRequest(root=shared("data/stereo")))
    assert [dataset.key(index) for index in range(len(dataset))] == ["foundation_pair", "kitti_odometry_pair"]
    near, street = dataset[0], dataset[1]
    for sample, size, focal, baseline in (
        (near, (540, 960), 754.6681, 0.063),
        (street, (376, 1241), 718.856, 0.53716571886),
    ):
        require_conventions(sample)
        assert sample.camera is not None and sample.stereo is not None  # noqa: PT018
        assert tuple(sample.image.shape[1:]) == size
        assert float(sample.camera.matrix[0, 0]) == pytest.approx(focal, rel=1e-6)
        assert float(sample.stereo.baseline_m) == pytest.approx(baseline, rel=1e-6)
    # A street lies lower left to right: most of it matches at a positive shift, and not at the mirrored one.
    assert street.stereo is not None
    left, right = street.image[0, 250:370], street.stereo.image[0, 250:370]
    shifted = [(left[:, 100:-100] - torch.roll(right, shift, 1)[:, 100:-100]).abs().mean() for shift in (30, -30)]
    assert shifted[0] < shifted[1]
