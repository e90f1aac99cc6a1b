# SPDX-License-Identifier: Apache-2.0
"""What is read for training from frames: asked of each dataset, moved together, refused where it lacks something."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.recipes.stereo.frame_streams import frame_stream, open_frames, watched_frames
from leadline.training.distributed import Ranks
from tests.data.layouts import picture
from tests.recipes.stereo.toy import run_config

FRAMES = frozenset({Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS})
ALONE = Ranks(rank=0, world=1, local_rank=0)


def test_open_frames__asks_procedural_scenes_for_what_is_compared(tmp_path: Path) -> None:
    for sources, stereo in (("frames", False), ("both", True)):
        config = run_config(tmp_path, method="monodepth2", sources=sources, frames=(2, -1))
        found = open_frames("procedural", config, FRAMES, part="train")
        assert (Field.STEREO in found.provides) == stereo
        sample = found[0]
        assert sample.neighbours is not None
        assert sample.neighbours.offsets == (-1, 2)


def test_frame_stream__scales_and_crops_neighbours_with_their_frame(tmp_path: Path) -> None:
    config = run_config(
        tmp_path, method="monodepth2", full_size=(80, 140), target_size=(48, 96), scale_range=(0.9, 1.2), batch_size=2
    )
    batch = next(iter(frame_stream(config, FRAMES, ALONE).batches(0)))
    assert batch.image.shape == (2, 3, 48, 96)
    assert batch.neighbours is not None
    assert batch.neighbours.image.shape == (2, 2, 3, 48, 96)
    assert batch.camera is not None
    assert len(set(batch.camera.matrix[:, 0, 2].tolist())) == 2  # each crop has a camera of its own


def test_watched_frames__are_whole(tmp_path: Path) -> None:
    config = run_config(tmp_path, method="monodepth2", validation_images=2)
    watched = watched_frames(config, FRAMES)
    batch = next(iter(watched["procedural"].batches(0)))
    assert batch.image.shape[-2:] == config.full_size
    assert batch.depth is not None


def test_open_frames__reads_recordings_from_the_flag_of_their_root(tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / "walk" / f"{number}.png", 40, 60, seed=number)
    (tmp_path / "camera.json").write_text('{"fx": 50, "cx": 30, "cy": 20}')
    config = run_config(tmp_path, method="monodepth2", datasets=("frame_folder",), frames_root=tmp_path, frames=(-1,))
    found = open_frames("frame_folder", config, FRAMES, part="train")
    assert [found.key(index) for index in range(len(found))] == ["walk/1.png", "walk/2.png", "walk/3.png"]


def test_open_frames__names_the_datasets_that_would_do(tmp_path: Path) -> None:
    config = run_config(tmp_path, method="monodepth2", datasets=("nyu",))
    words = r"CAMERA, IMAGE, NEIGHBOURS for --sources frames \(.*frame_folder.*\); got nyu"
    with pytest.raises(UsageError, match=words):
        open_frames("nyu", config, FRAMES, part="train")
