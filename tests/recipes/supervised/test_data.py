# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Batch
from leadline.data.catalog import DATASETS
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.supervised.data import (
    dataset_request,
    open_part,
    training_names,
    training_stream,
    validation_names,
    validation_streams,
)
from leadline.training.distributed import Ranks
from tests.recipes.frames import write_labelled_folder

PROCEDURAL = MetricConfig(datasets=("procedural",), procedural_count=8, batch_size=2, num_workers=0, validation_images=3)


@pytest.mark.parametrize(
    ("datasets", "flag"),
    [
        ("nyu", "--nyu-root"),
        ("sunrgbd", "--sunrgbd-root"),
        ("labelled_folder", "--labelled-root"),
        ("ibims", "--ibims-root"),
    ],
)
def test_open_part__a_dataset_without_its_path_is_refused_by_the_flag_it_needs(datasets: Any, flag: str) -> None:
    with pytest.raises(UsageError, match=flag):
        open_part(datasets, MetricConfig(datasets=(datasets,)), part="train", size=(28, 28))


def test_open_part__takes_folder_list_and_settings_of_any_dataset_by_its_name(tmp_path: Path) -> None:
    root = write_labelled_folder(tmp_path)
    named = MetricConfig(datasets=("labelled_folder",), labelled_root=root)
    common = MetricConfig(
        datasets=("labelled_folder",),
        dataset_root=(f"labelled_folder={root}",),
        dataset_option=("labelled_folder.val-fraction=0.5",),
    )
    parts = [open_part("labelled_folder", one, part="val", size=(28, 28)) for one in (named, common)]
    assert parts[0][0].key
    assert len(parts[1]) > len(parts[0])


def test_open_part__a_folder_named_twice_is_refused(tmp_path: Path) -> None:
    config = MetricConfig(
        datasets=("labelled_folder",), labelled_root=tmp_path, dataset_root=(f"labelled_folder={tmp_path}/other",)
    )
    with pytest.raises(UsageError, match="once for labelled_folder"):
        open_part("labelled_folder", config, part="train", size=(28, 28))


def test_dataset_request__a_benchmark_is_asked_for_whole_and_says_so(tmp_path: Path) -> None:
    config = MetricConfig(datasets=("procedural", "ibims"), ibims_root=tmp_path)
    assert dataset_request("ibims", config, part="val", size=(28, 28)).split is None
    assert dataset_request("procedural", config, part="val", size=(28, 28)).split == "val"


def test_open_part__procedural_scenes_are_rendered_at_the_training_size() -> None:
    assert open_part("procedural", PROCEDURAL, part="train", size=(28, 42))[0].image.shape == (3, 28, 42)


def test_open_part__settings_of_a_dataset_win_over_the_recipe_s_own() -> None:
    config = dataclasses.replace(PROCEDURAL, dataset_option=("procedural.count=5", "procedural.kinds=street"))
    assert len(open_part("procedural", config, part="train", size=(28, 42))) == 5


def test_training_stream__a_new_line_of_the_catalog_trains_without_a_word_in_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_labelled_folder(tmp_path)
    line = dataclasses.replace(DATASETS["labelled_folder"], summary="somebody's rooms")
    monkeypatch.setitem(DATASETS, "rooms", line)
    config = MetricConfig(
        datasets=("rooms",), dataset_root=(f"rooms={root}",), batch_size=2, num_workers=0, resize="squash", augment=False
    )
    assert next(iter(training_stream(config, (28, 28), Ranks()).batches(0))).image.shape == (2, 3, 28, 28)
    assert list(validation_streams(config, (28, 28))) == ["rooms"]


@pytest.mark.parametrize(("name", "message"), [("nyuu", "did you mean nyu"), ("image_folder", "pictures only")])
def test_training_names__unknown_and_unlabelled_datasets_are_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        training_names(MetricConfig(datasets=("procedural", name)))


def test_training_names__benchmarks_are_validated_on_and_not_trained_on() -> None:
    config = MetricConfig(datasets=("nyu", "ibims", "da2k"))
    assert training_names(config) == ["nyu"]
    assert validation_names(config) == ["nyu", "ibims", "da2k"]


def test_training_names__force_trains_on_ibims_and_then_no_longer_validates_on_it() -> None:
    config = MetricConfig(datasets=("nyu", "ibims", "da2k"), train_on_benchmarks=True)
    assert training_names(config) == ["nyu", "ibims"]
    assert validation_names(config) == ["nyu", "da2k"]


def test_training_names__nothing_but_benchmarks_is_refused() -> None:
    with pytest.raises(UsageError, match="benchmarks"):
        training_names(MetricConfig(datasets=("ibims",)))


def test_training_stream__yields_augmented_batches_of_the_training_size() -> None:
    stream = training_stream(PROCEDURAL, (28, 42), Ranks())
    batches = list(stream.batches(0))
    assert len(batches) == 4
    assert batches[0].image.shape == (2, 3, 28, 42)
    plain = training_stream(dataclasses.replace(PROCEDURAL, augment=False), (28, 42), Ranks())
    assert not all(torch.equal(a.image, b.image) for a, b in zip(batches, plain.batches(0), strict=True))


def test_training_stream__two_ranks_share_the_batch_of_one_process() -> None:
    whole = next(iter(training_stream(PROCEDURAL, (28, 42), Ranks()).batches(0)))
    halves = [next(iter(training_stream(PROCEDURAL, (28, 42), Ranks(rank=r, world=2)).batches(0))) for r in range(2)]
    assert halves[0].keys + halves[1].keys == whole.keys
    assert torch.equal(torch.cat([half.image for half in halves]), whole.image)


def test_training_stream__a_batch_that_the_ranks_cannot_share_is_refused() -> None:
    with pytest.raises(UsageError, match="divisible by the 3 processes"):
        training_stream(PROCEDURAL, (28, 42), Ranks(world=3))


@pytest.mark.parametrize("resize", ["cover", "squash"])
def test_training_stream__cover_keeps_the_aspect_and_squash_does_not(tmp_path: Path, resize: Any) -> None:
    root = write_labelled_folder(tmp_path)
    config = MetricConfig(
        datasets=("labelled_folder",), labelled_root=root, batch_size=2, num_workers=0, resize=resize, augment=False
    )
    batch = next(iter(training_stream(config, (28, 28), Ranks()).batches(0)))
    assert batch.depth is not None
    assert batch.image.shape == (2, 3, 28, 28)
    # brightness tells depth (see frames.py), so a picture and a depth that moved apart would not agree
    assert torch.corrcoef(torch.stack([batch.image[:, 0].flatten(), batch.depth.flatten()]))[0, 1] > 0.95


@pytest.mark.parametrize("resize", ["cover", "squash"])
def test_training_stream__turns_picture_and_depth_together_where_asked_to(tmp_path: Path, resize: Any) -> None:
    plain = MetricConfig(
        datasets=("labelled_folder",),
        labelled_root=write_labelled_folder(tmp_path),
        batch_size=2,
        num_workers=0,
        resize=resize,
        colour_jitter=False,
    )
    turned = dataclasses.replace(plain, rotate_deg=20.0)

    def first(config: MetricConfig) -> Batch:
        return next(iter(training_stream(config, (28, 28), Ranks()).batches(0)))

    batch = first(turned)
    assert batch.depth is not None
    assert batch.valid is not None
    assert batch.image.shape == (2, 3, 28, 28)
    seen = torch.stack([batch.image[:, 0][batch.valid], batch.depth[batch.valid]])
    assert torch.corrcoef(seen)[0, 1] > 0.9
    assert not torch.equal(batch.image, first(plain).image)
    assert 0.5 < batch.valid.float().mean() < first(plain).valid.float().mean()  # type: ignore[union-attr]


@pytest.mark.parametrize("change", [{"augment": False}, {"cache_features": "memory"}])
def test_training_stream__does_not_turn_what_is_to_stay_or_to_come_again(tmp_path: Path, change: dict[str, Any]) -> None:
    root = write_labelled_folder(tmp_path)
    plain = MetricConfig(datasets=("labelled_folder",), labelled_root=root, batch_size=2, num_workers=0, **change)
    images = [
        next(iter(training_stream(config, (28, 28), Ranks()).batches(0))).image
        for config in (plain, dataclasses.replace(plain, rotate_deg=20.0))
    ]
    assert torch.equal(*images)


def test_validation_streams__are_disjoint_from_training_in_order_and_limited(tmp_path: Path) -> None:
    root = write_labelled_folder(tmp_path, count=12)
    config = dataclasses.replace(
        PROCEDURAL,
        datasets=("labelled_folder", "procedural"),
        labelled_root=root,
        epoch_images=0,
        dataset_weights=(1.0, 1.0),
    )
    streams = validation_streams(config, (28, 28))
    assert list(streams) == ["labelled_folder", "procedural"]
    held = {key for batch in streams["labelled_folder"].batches(0) for key in batch.keys}
    part = open_part("labelled_folder", config, part="train", size=(28, 28))
    assert held
    assert held.isdisjoint(part.key(index) for index in range(len(part)))
    assert sum(len(batch.keys) for batch in streams["procedural"].batches(0)) == 3


def test_streams__mask_depth_outside_the_range() -> None:
    config = dataclasses.replace(PROCEDURAL, min_depth=2.0, max_depth=3.0)
    validating = validation_streams(config, (28, 28))["procedural"]
    squashed = training_stream(dataclasses.replace(config, resize="squash"), (28, 28), Ranks())
    for stream in (validating, training_stream(config, (28, 28), Ranks()), squashed):
        for batch in stream.batches(0):
            assert batch.depth is not None
            assert batch.valid is not None
            seen = batch.depth[batch.valid]
            assert ((seen > 2.0) & (seen < 3.0)).all()
            assert ((batch.depth <= 2.0) | (batch.depth >= 3.0)).any()
