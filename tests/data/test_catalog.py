# SPDX-License-Identifier: Apache-2.0
"""Every entry of the catalog opens the layout that its own test module brings and keeps the contract of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.data.catalog import DATASETS, open_dataset
from leadline.data.request import DatasetRequest


def layout_of(name: str, root: Path) -> DatasetRequest:
    """The smallest folder of a dataset, from ``layout`` in the test module beside the one that reads it."""
    module = DATASETS[name].open.__module__.rpartition(".")[2]
    layout: Callable[[Path], DatasetRequest] = import_module(f"tests.data.test_{module}").layout
    return layout(root)


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry__keeps_the_contract(tmp_path: Path, name: str) -> None:
    dataset, entry = open_dataset(name, layout_of(name, tmp_path)), DATASETS[name]
    assert dataset.name == name
    assert len(dataset) > 0
    assert Field.IMAGE in dataset.provides
    assert dataset.provides <= entry.provides
    keys = [dataset.key(index) for index in range(len(dataset))]
    assert len(set(keys)) == len(keys)
    for index, key in enumerate(keys):
        sample = dataset[index]
        assert (sample.key, sample.dataset) == (key, name)
        assert sample.image.dtype == torch.float32
        assert sample.image.shape[0] == 3
        assert 0 <= float(sample.image.min()) <= float(sample.image.max()) <= 1
        given = {
            Field.DEPTH: sample.depth,
            Field.CAMERA: sample.camera,
            Field.STEREO: sample.stereo,
            Field.ORDINAL: sample.ordinal,
            Field.NEIGHBOURS: sample.neighbours,
        }
        assert {field for field, value in given.items() if value is not None} >= dataset.provides - {Field.IMAGE}
        if sample.depth is not None:
            assert sample.valid is not None
            assert sample.depth.shape == sample.valid.shape == sample.image.shape[1:]
            assert (sample.depth.dtype, sample.valid.dtype) == (torch.float32, torch.bool)
            assert bool((sample.depth[sample.valid] > 0).all())
        again = dataset[index]
        assert torch.equal(sample.image, again.image)


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry__can_be_read_beyond_one_process(tmp_path: Path, name: str) -> None:
    import pickle

    dataset = open_dataset(name, layout_of(name, tmp_path))
    copied = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copied[0].image, dataset[0].image)


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry__describes_itself(name: str) -> None:
    entry = DATASETS[name]
    assert 10 < len(entry.summary) < 100
    assert "\n" not in entry.summary
    assert entry.licence


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.needs_root])
def test_every_entry__asks_for_its_root_and_refuses_unknown_options(tmp_path: Path, name: str) -> None:
    for request in (DatasetRequest(), DatasetRequest(root=tmp_path / "gone")):
        with pytest.raises(UsageError, match=f"root folder of dataset '{name}'"):
            open_dataset(name, request)
    with pytest.raises(UsageError, match="an option of dataset"):
        open_dataset(name, DatasetRequest(root=tmp_path, options={"no_such_option": 1}))


@pytest.mark.parametrize(("wrong", "nearest"), [("nyuv2", "nyu"), ("sun-rgbd", "sunrgbd"), ("folder", "image_folder")])
def test_open_dataset__suggests_the_nearest_name(wrong: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=f"got '{wrong}'; did you mean {nearest}"):
        open_dataset(wrong, DatasetRequest())
