# SPDX-License-Identifier: Apache-2.0
"""What is read: views or whole pictures, with truth or without, and what it is watched on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Batch, Field
from leadline.recipes.jepa.config import JepaConfig
from leadline.recipes.jepa.streams import first_size, jepa_stream, multi_view, whole_validation
from leadline.training.distributed import Ranks
from leadline.transforms.multiview import OFFICIAL_COLOURS, REFERENCE_COLOURS, MultiView
from leadline.transforms.whole import Whole
from tests.recipes.frames import write_labelled_folder
from tests.recipes.jepa.toy import run_config

SIZES = ((28, 42), (14, 28))


def first(config: JepaConfig, crops: MultiView | Whole) -> Batch:
    return next(iter(jepa_stream(config, crops, Ranks()).batches(0)))


def pictures_below(root: Path) -> Path:
    root.mkdir()
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{index}.png")
    return root


def labelled(folder: Path, **changes: Any) -> JepaConfig:
    root = write_labelled_folder(folder / "frames")
    return run_config(folder, datasets=("labelled_folder",), labelled_root=root, **changes)


def test_jepa_stream__gives_views_with_truth_in_range(tmp_path: Path) -> None:
    config = labelled(tmp_path, max_depth=3.0)
    stream = jepa_stream(config, multi_view(config, SIZES), Ranks())
    assert stream.provides >= {Field.IMAGE, Field.DEPTH, Field.VIEWS}
    batch = next(iter(stream.batches(0)))
    assert batch.views is not None
    assert [tuple(stack.image.shape) for stack in batch.views.stacks] == [(2, 2, 3, 28, 42), (1, 2, 3, 14, 28)]
    for stack in batch.views.stacks:
        assert stack.depth is not None
        assert stack.valid is not None
        assert float(stack.depth[stack.valid].max()) < 3.0
        assert not bool(stack.valid.all())


def test_jepa_stream__gives_pictures_of_folders_without_depth(tmp_path: Path) -> None:
    root = pictures_below(tmp_path / "pictures")
    config = run_config(
        tmp_path, depth_weight=0.0, datasets=("image_folder", "procedural"), dataset_root=(f"image_folder={root}",)
    )
    stream = jepa_stream(config, multi_view(config, SIZES), Ranks())
    seen = set()
    for batch in stream.batches(0):
        assert batch.depth is None
        assert batch.views is not None
        assert batch.views.stacks[0].depth is None
        seen |= set(batch.datasets)
    assert seen == {"image_folder", "procedural"}
    with pytest.raises(UsageError, match="pictures only"):
        jepa_stream(dataclasses.replace(config, depth_weight=1.0), multi_view(config, SIZES), Ranks())
    with pytest.raises(UsageError, match="a dataset to train on"):
        jepa_stream(dataclasses.replace(config, datasets=("da2k",)), multi_view(config, SIZES), Ranks())


def test_jepa_stream__gives_whole_pictures(tmp_path: Path) -> None:
    config, whole = labelled(tmp_path, full_size=True), Whole(1500, 14)
    batch = first(config, whole)
    assert batch.views is None
    assert batch.image.shape == (2, 3, 42, 56)
    assert first_size(config, whole) == (42, 56)
    plain = first(dataclasses.replace(config, augment=False), whole)
    assert float((plain.image - batch.image).abs().max()) > 0.01  # colours, and mirrors
    watched = whole_validation(dataclasses.replace(config, max_depth=3.0), whole)["labelled_folder"]
    batches = list(watched.batches(0))
    assert [batch.image.shape for batch in batches] == [(1, 3, 42, 56)] * len(batches)
    assert batches[0].valid is not None
    assert not bool(batches[0].valid.all())


@pytest.mark.parametrize("changes", [{"two_pass": False}, {"proj_norm": "batch"}, {"variance_weight": 1.0}])
def test_whole_validation__one_by_one_is_not_mistaken_for_training_so(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = labelled(tmp_path, full_size=True, full_size_jepa=True, **changes)
    watched = whole_validation(config, Whole(1500, 14))["labelled_folder"]
    assert next(iter(watched.batches(0))).image.shape == (1, 3, 42, 56)


def test_first_size__of_a_folder_without_a_readable_picture_is_refused(tmp_path: Path) -> None:
    root = pictures_below(tmp_path / "pictures")
    for picture in root.iterdir():
        picture.write_bytes(b"no picture")
    config = run_config(
        tmp_path,
        depth_weight=0.0,
        full_size=True,
        full_size_jepa=True,
        datasets=("image_folder",),
        dataset_root=(f"image_folder={root}",),
    )
    with pytest.raises(DataError, match="a readable picture in image_folder"):
        first_size(config, Whole(100, 14))


def test_multi_view__follows_the_flags() -> None:
    config = JepaConfig()
    views = multi_view(config, ((224, 224), (96, 96)))
    assert (views.global_views.count, views.local_views.count, views.flip_p) == (2, 4, 0.5)
    assert (views.global_views.area, views.local_views.area) == ((0.4, 1.0), (0.05, 0.4))
    assert (views.colours, views.solarize_p) == (REFERENCE_COLOURS, 0.0)
    official = multi_view(dataclasses.replace(config, colours="official"), ((224, 224), (96, 96)))
    assert (official.colours, official.solarize_p) == (OFFICIAL_COLOURS, 0.2)
    plain = multi_view(dataclasses.replace(config, augment=False, colours="official"), ((224, 224), (96, 96)))
    assert (plain.colours, plain.flip_p, plain.solarize_p) == (None, 0.0, 0.0)
    unused = dataclasses.replace(config, jepa_weight=0.0, depth_on="global")
    assert multi_view(unused, ((224, 224), (96, 96))).local_views.count == 0
