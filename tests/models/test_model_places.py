# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from leadline.contracts.errors import WeightsError
from leadline.models.checkpoint_folder import DESCRIPTION, TENSORS
from leadline.models.model_places import checkpoint_folder, located


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / DESCRIPTION).touch()
    (folder / TENSORS).touch()
    return folder


def test_checkpoint_folder__of_a_run_is_its_best_then_its_latest(tmp_path: Path) -> None:
    latest = made(tmp_path / "checkpoint_latest")
    assert checkpoint_folder(tmp_path) == latest
    best = made(tmp_path / "checkpoint_best")
    assert checkpoint_folder(tmp_path) == best
    assert checkpoint_folder(latest) == latest


def test_checkpoint_folder__of_its_tensors_is_their_folder_and_of_other_files_none(tmp_path: Path) -> None:
    folder = made(tmp_path / "one")
    assert checkpoint_folder(folder / TENSORS) == folder
    (tmp_path / TENSORS).touch()
    assert checkpoint_folder(tmp_path / TENSORS) is None


def test_checkpoint_folder__without_a_checkpoint_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="a run folder with checkpoint_best or checkpoint_latest"):
        checkpoint_folder(tmp_path)


def test_located__of_a_preset_says_where_weights_are(tmp_path: Path) -> None:
    assert located(tmp_path) == (tmp_path, tmp_path)
    with pytest.raises(WeightsError, match="ask for random:depth-anything-v2-small"):
        located("depth-anything-v2-small")
    with pytest.raises(WeightsError, match="did you mean depth-anything-v2-small"):
        located("depth-anything-v2-smal")
    with pytest.raises(WeightsError, match="check the path"):
        located(tmp_path / "nowhere")
