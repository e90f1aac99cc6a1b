# SPDX-License-Identifier: Apache-2.0
"""Frames find their neighbours by number, never across folders, gaps or splits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.frame_folder import FrameFolder, open_frame_folder
from leadline.data.request import DatasetRequest
from tests.data.layouts import picture
from tests.shared_paths import shared


def layout(root: Path) -> DatasetRequest:
    for number in range(3):
        picture(root / f"{number}.png", seed=number)
    return DatasetRequest(root=root, options={"fov_deg": 60})


def folder(root: Path, names: list[str], **options: str | float) -> FrameFolder:
    for seed, name in enumerate(names):
        picture(root / name, seed=seed)
    return open_frame_folder(DatasetRequest(root=root, options=options))


def keys(dataset: FrameFolder) -> list[str]:
    return [dataset.key(index) for index in range(len(dataset))]


def test_frame_folder__gives_each_frame_its_neighbours_in_the_order_of_numbers(tmp_path: Path) -> None:
    dataset = folder(tmp_path, ["8.png", "9.png", "10.png", "11.png"])
    assert keys(dataset) == ["9.png", "10.png"]
    sample = dataset[1]
    assert sample.neighbours is not None
    assert sample.neighbours.offsets == (-1, 1)
    assert sample.neighbours.neighbour_from_sample_m is None
    assert torch.equal(sample.neighbours.image[0], dataset[0].image)
    assert not torch.equal(sample.neighbours.image[0], sample.neighbours.image[1])
    assert (sample.depth, sample.camera) == (None, None)
    assert dataset.provides == {Field.IMAGE, Field.NEIGHBOURS}


def test_frame_folder__never_crosses_folders_or_gaps_and_counts_what_it_leaves_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"a/{n}.png" for n in (1, 2, 3, 5)] + [f"b/{n}.png" for n in (4, 5, 6)]
    assert keys(folder(tmp_path, names)) == ["a/2.png", "b/5.png"]
    assert "5 of 7 frames" in caplog.text


def test_frame_folder__takes_the_smallest_gap_as_one_frame_unless_told(tmp_path: Path) -> None:
    names = [f"frame-{n:06d}.color.png" for n in (0, 6, 12, 18, 24)]
    assert keys(folder(tmp_path, names)) == names[1:4]
    assert keys(folder(tmp_path, names, step=12)) == names[2:3]
    assert keys(folder(tmp_path, names, neighbours="2")) == names[:3]
    assert len(folder(tmp_path, names, neighbours="")) == 5
    assert folder(tmp_path, names, neighbours="").provides == {Field.IMAGE}


def test_frame_folder__refuses_two_frames_of_one_number_until_a_pattern_tells_them_apart(tmp_path: Path) -> None:
    names = [f"{n}.{what}.png" for n in range(3) for what in ("color", "depth")]
    with pytest.raises(DataError, match=r"one frame of each number .* 0.color.png and 0.depth.png.*pattern"):
        folder(tmp_path, names)
    assert keys(folder(tmp_path, names, pattern="*.color.png")) == ["1.color.png"]


def test_frame_folder__takes_the_camera_of_the_nearest_file_or_the_field_of_view(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "K.txt").write_text("5 0 3 0 6 2 0 0 1")
    (tmp_path / "K.txt").write_text("7 7 3 2")
    names = [f"{place}/{n}.png" for place in ("a", "b") for n in range(3)]
    dataset = folder(tmp_path, names)
    assert dataset.provides == {Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS}
    cameras = [dataset[index].camera for index in range(2)]
    assert [camera.matrix[0, 0].item() for camera in cameras if camera] == [5, 7]
    (tmp_path / "K.txt").unlink()
    assert Field.CAMERA not in folder(tmp_path, names).provides
    seen = folder(tmp_path, names, fov_deg="90")
    assert Field.CAMERA in seen.provides
    camera = seen[1].camera
    assert camera is not None
    assert camera.matrix[0, 0].item() == pytest.approx(4)


def test_frame_folder__splits_without_a_shared_frame(tmp_path: Path) -> None:
    for n in range(20):
        picture(tmp_path / f"{n}.png", seed=n)
    parts = {
        split: open_frame_folder(DatasetRequest(root=tmp_path, split=split, options={"val_fraction": 0.3}))
        for split in ("train", "val")
    }
    touched = {
        split: {name for frame in part.frames for name in (frame.name, *frame.neighbours)} for split, part in parts.items()
    }
    assert not touched["train"] & touched["val"]
    assert (len(touched["train"]), len(touched["val"])) == (14, 6)


def test_frame_folder__refuses_what_cannot_be_meant(tmp_path: Path) -> None:
    request = layout(tmp_path)
    for options, words in (
        ({"fov_deg": 180}, "fov_deg above 0 and below 180"),
        ({"step": -1}, "step of 0 or more"),
        ({"neighbours": "0"}, "none 0"),
        ({"neighbors": "1"}, "'neighbors'"),
    ):
        with pytest.raises(UsageError, match=words):
            open_frame_folder(DatasetRequest(root=request.root, options=options))
    with pytest.raises(UsageError, match="no list"):
        open_frame_folder(DatasetRequest(root=tmp_path, listing=tmp_path / "a.txt"))
    with pytest.raises(DataError, match=r"at least one sample in dataset 'frame_folder'.*neighbours -3"):
        open_frame_folder(DatasetRequest(root=tmp_path, options={"neighbours": "-3"}))
    with pytest.raises(DataError, match="numbered pictures"):
        open_frame_folder(DatasetRequest(root=tmp_path, options={"pattern": "*.jpg"}))


def test_frame_folder__names_a_frame_of_another_size(tmp_path: Path) -> None:
    dataset = folder(tmp_path, ["0.png", "1.png"], neighbours="1")
    picture(tmp_path / "1.png", 6, 10)
    with pytest.raises(DataError, match=r"one size in a folder, 6x8 as 0.png; got 6x10 in 1.png"):
        dataset[0]


def test_frame_folder__reads_a_real_recording() -> None:
    root = shared("data/seven_scenes")
    dataset = open_frame_folder(DatasetRequest(root=root, options={"pattern": "*.color.jpg"}))
    assert len(dataset) == 165
    assert dataset.provides == {Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS}
    sample = dataset[0]
    assert sample.key == "frame-000006.color.jpg"
    assert sample.neighbours is not None
    still = (sample.neighbours.image - sample.image).abs().mean(dim=(1, 2, 3))
    far = (dataset[80].image - sample.image).abs().mean()
    assert bool((still < far).all())
