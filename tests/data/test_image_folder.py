# SPDX-License-Identifier: Apache-2.0
"""Pictures of a folder come out sorted, with nothing but their image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.image_folder import open_image_folder
from leadline.data.request import DatasetRequest
from tests.data.layouts import picture
from tests.shared_paths import shared


def layout(root: Path) -> DatasetRequest:
    picture(root / "a.png")
    return DatasetRequest(root=root)


def test_image_folder__reads_pictures_sorted_and_recursive(tmp_path: Path) -> None:
    for index, name in enumerate(("b.png", "a/2.png", "a/1.png")):
        picture(tmp_path / name, seed=index)
    dataset = open_image_folder(DatasetRequest(root=tmp_path))
    assert [dataset.key(i) for i in range(3)] == ["a/1.png", "a/2.png", "b.png"]
    assert dataset.provides == {Field.IMAGE}
    sample = dataset[2]
    assert (sample.key, sample.dataset, sample.depth, sample.camera) == ("b.png", "image_folder", None, None)
    assert sample.image.shape == (3, 6, 8)
    assert sample.image.dtype == torch.float32
    assert 0 <= float(sample.image.min()) < float(sample.image.max()) <= 1


def test_image_folder__refuses_emptiness_splits_and_options(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one sample in dataset 'image_folder'"):
        open_image_folder(DatasetRequest(root=tmp_path))
    with pytest.raises(UsageError, match="got 'train'"):
        open_image_folder(DatasetRequest(root=tmp_path, split="train"))
    with pytest.raises(UsageError, match="got 'depth'"):
        open_image_folder(DatasetRequest(root=tmp_path, options={"depth": True}))


def test_image_folder__reads_the_real_photos() -> None:
    dataset = open_image_folder(DatasetRequest(root=shared("data/photos")))
    assert len(dataset) == 13
    keys = [dataset.key(index) for index in range(13)]
    assert dataset[keys.index("demo08.jpg")].image.shape == (3, 425, 640)
