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


def test_image_folder__ignores_text_files_and_counts_them_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(tmp_path / "a.png")
    for name in ("notes.txt", "b/labels.json", "a.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    dataset = open_image_folder(DatasetRequest(root=tmp_path))
    assert [dataset.key(index) for index in range(len(dataset))] == ["a.png"]
    assert dataset[0].image.shape == (3, 6, 8)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"3 files below {tmp_path} are no pictures")


def test_image_folder__follows_a_list_in_its_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", "b c/1.png", "d.png"):
        picture(tmp_path / name)
    listing = tmp_path / "list.txt"
    listing.write_text("d.png\n\n./b c/1.png \r\n")
    dataset = open_image_folder(DatasetRequest(root=tmp_path, listing=listing))
    assert [dataset.key(index) for index in range(len(dataset))] == ["d.png", "b c/1.png"]
    assert dataset[1].key == "b c/1.png"
    assert not caplog.records
    for text, said in (
        ("a.png\ngone.png\n", r"1 of 2 missing, the first at line 2: .*gone\.png"),
        ("a.png\n../a.png\n", r"paths below .*, each once; got '\.\./a\.png' in line 2"),
        (f"{tmp_path}/a.png\n", r"each once; got .* in line 1"),
        ("a.png\nd.png\n./a.png\n", r"each once; got '\./a\.png' in line 3 of .*, as in line 1"),
        ("\n\n", "at least one sample"),
    ):
        listing.write_text(text)
        with pytest.raises(DataError, match=said):
            open_image_folder(DatasetRequest(root=tmp_path, listing=listing))


def test_image_folder__reads_the_real_photos() -> None:
    dataset = open_image_folder(DatasetRequest(root=shared("data/photos")))
    assert len(dataset) == 13
    keys = [dataset.key(index) for index in range(13)]
    assert dataset[keys.index("demo08.jpg")].image.shape == (3, 425, 640)
