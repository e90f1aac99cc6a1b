# SPDX-License-Identifier: Apache-2.0
import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import LeadlineError, UsageError
from leadline.contracts.sample import Field, Sample
from leadline.data.dataset import DepthDataset
from leadline.labelling.request import LabelRequest
from leadline.labelling.run import label
from leadline.recipes.staged.streams import (
    WhereLabelled,
    WithoutTruth,
    labelled_in_bulk,
    require_unlabelled,
    unlabelled_pictures,
    unlabelled_roots,
    unlabelled_stream,
)
from leadline.training.distributed import Ranks
from tests.recipes.staged.toy import H, W, semi, write_pictures, write_teacher


class Memory:
    """``count`` pictures whose every pixel, and whose disparity, tells which and where it is."""

    provides = frozenset({Field.IMAGE, Field.DEPTH})

    def __init__(self, count: int, name: str = "memory") -> None:
        self.name, self._count = name, count

    def __len__(self) -> int:
        return self._count

    def key(self, index: int, /) -> str:
        return f"{self.name}/{index}"

    def __getitem__(self, index: int, /) -> Sample:
        place = torch.linspace(0.1, 0.9, 40 * 60).reshape(40, 60) * (1 + index) / (1 + self._count)
        return Sample(
            key=self.key(index),
            dataset=self.name,
            image=place.expand(3, -1, -1).clone(),
            depth=place.clone(),
            valid=torch.ones(40, 60, dtype=torch.bool),
            kind=DepthKind.AFFINE_DISPARITY,
        )


def test_unlabelled_stream__an_epoch_is_one_sweep_over_all_datasets_in_another_order_each_time(tmp_path: Path) -> None:
    parts: list[DepthDataset] = [Memory(7, "a"), Memory(5, "b")]
    stream = unlabelled_stream(semi(tmp_path), parts, (H, W), Ranks(), batch_size=4)
    assert stream.steps_per_epoch == 3
    orders = []
    for epoch in (0, 1):
        batches = list(stream.batches(epoch))
        assert [len(batch.keys) for batch in batches] == [4, 4, 4]
        orders.append([key for batch in batches for key in batch.keys])
        assert set(Counter(orders[-1]).values()) == {1}
        assert len(orders[-1]) == 12
    assert orders[0] != orders[1]


def test_unlabelled_stream__processes_share_each_batch_and_no_picture_is_seen_twice(tmp_path: Path) -> None:
    seen = []
    for rank in (0, 1):
        stream = unlabelled_stream(semi(tmp_path), [Memory(8)], (H, W), Ranks(rank=rank, world=2), batch_size=4)
        seen += [key for batch in stream.batches(0) for key in batch.keys]
    assert sorted(seen) == sorted(f"memory/{index}" for index in range(8))
    with pytest.raises(UsageError, match="2 processes can share"):
        unlabelled_stream(semi(tmp_path), [Memory(8)], (H, W), Ranks(world=2), batch_size=3)


def test_unlabelled_stream__labels_are_cropped_and_mirrored_as_their_pictures(tmp_path: Path) -> None:
    stream = unlabelled_stream(semi(tmp_path), [Memory(6)], (H, W), Ranks(), batch_size=6)
    mirrored = set()
    for epoch in range(3):
        for batch in stream.batches(epoch):
            assert batch.depth is not None
            assert batch.valid is not None
            gap = (batch.image[:, 0] - batch.depth).abs()[batch.valid]
            assert float(gap.max()) < 0.02  # both hold the same values; pictures are resized more smoothly
            mirrored |= {bool(one[0, 0] > one[0, -1]) for one in batch.depth}
    assert mirrored == {True, False}


def test_unlabelled_stream__fewer_pictures_than_a_batch_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LeadlineError):
        list(unlabelled_stream(semi(tmp_path), [Memory(3)], (H, W), Ranks(), batch_size=4).batches(0))


def test_unlabelled_stream__squashes_where_labelled_pictures_are_squashed(tmp_path: Path) -> None:
    config = semi(tmp_path, resize="squash", augment=False)
    (batch,) = unlabelled_stream(config, [Memory(1)], (H, W), Ranks(), batch_size=1).batches(0)
    assert batch.depth is not None
    whole = Memory(1)[0].depth
    assert whole is not None
    assert float(batch.depth.min()) == pytest.approx(float(whole.min()), abs=0.01)
    assert float(batch.depth.max()) == pytest.approx(float(whole.max()), abs=0.01)


def test_unlabelled_pictures__text_files_beside_them_are_no_pictures(tmp_path: Path) -> None:
    config = semi(tmp_path)
    (tmp_path / "pictures" / "readme.txt").write_text("notes")
    (tmp_path / "pictures" / "000.json").write_text("{}")
    (part,) = unlabelled_pictures(config, {}, (H, W))
    assert len(part) == 8
    assert part.provides == {Field.IMAGE}
    few = unlabelled_pictures(dataclasses.replace(config, unlabelled_images=3), {}, (H, W))
    assert [len(one) for one in few] == [3]


def test_unlabelled_pictures__a_dataset_s_own_truth_is_left_behind(tmp_path: Path) -> None:
    config = semi(tmp_path, unlabelled=("procedural",), unlabelled_root=())
    (part,) = unlabelled_pictures(config, {}, (H, W))
    assert isinstance(part, WithoutTruth)
    sample = part[0]
    assert sample.image.shape == (3, H, W)
    assert sample.depth is None
    assert sample.valid is None


def test_where_labelled__a_picture_without_a_label_has_nothing_valid_so_that_the_teacher_is_asked() -> None:
    whole, some = Memory(4), Memory(2)
    both = WhereLabelled(WithoutTruth(whole), some)
    assert len(both) == 4
    known = [both[index].valid for index in range(4)]
    assert [bool(one.all()) for one in known if one is not None] == [True, True, False, False]
    assert all(both[index].kind is DepthKind.AFFINE_DISPARITY for index in range(4))


def test_hybrid_streams__read_all_pictures_where_only_some_have_labels(tmp_path: Path) -> None:
    few = write_pictures(tmp_path / "few", 3)
    teacher, labels = write_teacher(tmp_path / "teacher"), tmp_path / "labels"
    label(LabelRequest(model=teacher, images=few, out=labels, device="cpu", threads=1, executor="local", workers=1))
    for index in range(3, 5):
        (few / f"{index:03}.png").write_bytes((few / "000.png").read_bytes())
    config = semi(tmp_path, teacher_mode="hybrid", unlabelled_root=(f"image_folder={few}",))
    (part,) = unlabelled_pictures(config, {"image_folder": labels}, (H, W))
    assert len(part) == 5
    known = [part[index].valid for index in range(5)]
    assert [one is not None and bool(one.any()) for one in known] == [True, True, True, False, False]


def test_labelled_in_bulk__depth_beside_pictures_is_not_taken_for_pictures(tmp_path: Path) -> None:
    mine = write_pictures(tmp_path / "mine" / "image", 2).parent
    for picture in write_pictures(mine / "depth", 2).iterdir():
        Image.fromarray(np.full((H, W), 1500, np.uint16)).save(picture)
    changes = {"unlabelled": ("labelled_folder", "image_folder")}
    config = semi(tmp_path, unlabelled_root=(f"labelled_folder={mine}", f"image_folder={tmp_path / 'pictures'}"), **changes)
    with pytest.raises(UsageError, match=r"labelled_folder, whose folder holds its truth too.*image_folder"):
        labelled_in_bulk(config)
    beside = dataclasses.replace(config, teacher_mode="hybrid")
    assert labelled_in_bulk(beside) == {"image_folder": tmp_path / "pictures"}
    assert [len(part) for part in unlabelled_pictures(beside, {}, (H, W))] == [2, 8]


def test_require_unlabelled__pictures_that_cannot_be_labelled_are_told_unless_the_teacher_is_always_there(
    tmp_path: Path,
) -> None:
    config = semi(tmp_path)
    (tmp_path / "pictures" / "000.jpg").write_bytes(b"")
    with pytest.raises(LeadlineError, match=r"000.jpg and 000.png"):
        require_unlabelled(config)
    require_unlabelled(dataclasses.replace(config, teacher_mode="online"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unlabelled_root": ()}, "--unlabelled-root image_folder=DIR"),
        ({"unlabelled_root": ("shards=x", "image_folder=y")}, "name it in --unlabelled too"),
        ({"unlabelled": ("imagefolder",)}, "--unlabelled"),
    ],
)
def test_unlabelled_roots__what_cannot_be_meant_is_refused(
    tmp_path: Path, changes: dict[str, tuple[str, ...]], told: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        unlabelled_roots(dataclasses.replace(semi(tmp_path), **changes))  # type: ignore[arg-type]
    assert told in str(refusal.value)
