# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import ContractError, DataError
from leadline.data.label_folder import manifest_path
from leadline.data.label_table import WhichLabels, read_label_table
from tests.labelling.toys import encoded, label_all, request_for, write_pictures


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    images = write_pictures(tmp_path / "pictures", 4)
    (images / "sky.png").write_bytes(encoded(np.zeros((20, 30, 3), np.uint8), "PNG"))
    (images / "torn.png").write_bytes(b"no")
    label_all(request_for(images, tmp_path / "out"))
    return tmp_path / "out"


def test_table__holds_every_label_in_order_and_leaves_out_what_has_none(labels: Path) -> None:
    table = read_label_table(labels, WhichLabels())
    keys = [table.key(index) for index in range(len(table))]
    assert keys == ["000.jpg", "002.jpg", "inner/001.jpg", "inner/003.jpg", "sky.png"]
    assert table.sources == {0: "folder-000000", 1: "folder-000001", 2: "folder-000002"}


def test_table__takes_the_labels_that_are_wanted(labels: Path) -> None:
    assert len(read_label_table(labels, WhichLabels(drop_dead=True))) == 4
    assert len(read_label_table(labels, WhichLabels(min_valid=1.0))) == 5


@pytest.mark.parametrize("model", ["toy", "toy@abababababab", "abababab", "ab" * 32])
def test_table__accepts_the_declared_model(labels: Path, model: str) -> None:
    assert len(read_label_table(labels, WhichLabels(model=model))) == 5


@pytest.mark.parametrize("model", ["toy2", "abab", "cdcdcdcdcd"])
def test_table__refuses_labels_of_another_model_than_declared(labels: Path, model: str) -> None:
    with pytest.raises(DataError, match=rf"labels by {model}, as declared; got labels by toy@abababababab"):
        read_label_table(labels, WhichLabels(model=model))


def test_table__refuses_disparity_offered_as_depth(labels: Path) -> None:
    with pytest.raises(ContractError, match="labels of kind metric, as declared; got affine_disparity"):
        read_label_table(labels, WhichLabels(kind="metric"))
    assert len(read_label_table(labels, WhichLabels(kind="affine_disparity"))) == 5


@pytest.mark.parametrize("change", [{"weights_sha256": "cd" * 32}, {"kind": "metric"}, {"settings_sha256": "ef"}])
def test_table__refuses_a_shard_of_another_job_by_its_line(labels: Path, change: dict[str, str]) -> None:
    path = manifest_path(labels, 1)
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), **change}), *rest]) + "\n")
    with pytest.raises(DataError, match=r"line 1 of .*shard-000001\.jsonl by toy@"):
        read_label_table(labels, WhichLabels())


def test_table__refuses_a_folder_without_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.json"):
        read_label_table(tmp_path, WhichLabels())
