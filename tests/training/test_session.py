# SPDX-License-Identifier: Apache-2.0
"""The order of things inside a run: checkpoints, validation, failing data."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Batch
from leadline.training.tensor_file import read_tensors
from tests.training.surveying import Parts, rows
from tests.training.test_distributed import Steady
from tests.training.toy import ToyRecipe, ToyStream, changed, digest, run_toy


def saved_state(path: Path, name: str) -> dict[str, object]:
    state: dict[str, object] = read_tensors(path / name, "training_state")[1]["state"]
    return state


def test_first_checkpoint__is_written_before_the_first_step(tmp_path: Path) -> None:
    def refuse(_: int, batch: Batch) -> Batch:  # noqa: ARG001
        assert saved_state(tmp_path, "checkpoint_latest")["update"] == 0
        raise DataError(expected="a picture", got="nothing", remedy="mend it")

    with pytest.raises(DataError):
        run_toy(tmp_path, stream=ToyStream(spoil=refuse))


class Whole(Parts):
    """What ``Parts`` of four gives in two updates of an epoch of six batches: eight pictures, then four."""

    def batch(self, epoch: int, step: int) -> Batch:
        batch = super().batch(epoch, step)
        return rows(batch, slice(0, 4)) if step == 1 else batch


def test_last_update_of_an_epoch__is_the_mean_over_the_batches_that_are_left(tmp_path: Path) -> None:
    settings = changed(save_every_steps=0, lr=1e-3)
    summaries = [
        run_toy(tmp_path / "whole", settings, recipe=Steady(torch.float64), stream=Whole(steps_per_epoch=2)),
        run_toy(
            tmp_path / "parts",
            changed(settings, accumulate=4),
            recipe=Steady(torch.float64),
            stream=Parts(split=4, steps_per_epoch=6),
        ),
    ]
    assert summaries[0].updates == summaries[1].updates == 4
    assert summaries[0].scalars == pytest.approx(summaries[1].scalars, rel=1e-9)
    expected = load_file(tmp_path / "whole" / "checkpoint_latest" / "model.safetensors")
    for name, tensor in load_file(tmp_path / "parts" / "checkpoint_latest" / "model.safetensors").items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-8, atol=1e-10)


def test_update__may_accumulate_more_batches_than_an_epoch_has(tmp_path: Path) -> None:
    summary = run_toy(tmp_path, changed(accumulate=16))
    assert summary.updates == summary.epochs == 2


def test_unreadable_data__saves_what_was_learned_before_it_stops(tmp_path: Path) -> None:
    def refuse(position: int, batch: Batch) -> Batch:
        if position == 8:
            raise DataError(expected="a picture", got="nothing", remedy="mend it")
        return batch

    with pytest.raises(DataError):
        run_toy(tmp_path / "run", changed(save_every_steps=0), stream=ToyStream(spoil=refuse))
    assert saved_state(tmp_path / "run", "checkpoint_latest")["update"] == 8
    run_toy(tmp_path / "run", changed(save_every_steps=0), resume="latest")
    run_toy(tmp_path / "whole", changed(save_every_steps=0))
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


def test_failing_validation__keeps_the_epoch_and_is_repeated(tmp_path: Path) -> None:
    def refuse(epoch: int) -> None:
        if epoch == 1:
            raise DataError(expected="a picture", got="nothing", remedy="mend it")

    with pytest.raises(DataError):
        run_toy(tmp_path / "run", before_validation=refuse)
    assert saved_state(tmp_path / "run", "checkpoint_latest")["batch"] == 5
    run_toy(tmp_path / "run", resume="latest")
    run_toy(tmp_path / "whole")
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


def test_epoch_checkpoints__are_numbered_from_0_and_the_last_stay(tmp_path: Path) -> None:
    run_toy(tmp_path, changed(epochs=4, keep_last=2))
    assert sorted(path.name for path in tmp_path.glob("checkpoint_*")) == [
        "checkpoint_best",
        "checkpoint_epoch_2",
        "checkpoint_epoch_3",
        "checkpoint_latest",
    ]
    assert saved_state(tmp_path, "checkpoint_epoch_2")["epoch"] == 3


def test_epoch_checkpoints__are_not_written_when_none_should_stay(tmp_path: Path) -> None:
    run_toy(tmp_path, changed(keep_last=0))
    assert sorted(path.name for path in tmp_path.glob("checkpoint_*")) == ["checkpoint_best", "checkpoint_latest"]


def test_modes__are_train_in_steps_and_eval_in_validation(tmp_path: Path) -> None:
    recipe = ToyRecipe()
    modes: list[tuple[str, bool]] = []
    step = recipe.step

    def watched(batches: object, progress: object) -> object:
        modes.append(("step", recipe.net.training))
        return step(batches, progress)  # type: ignore[arg-type]

    recipe.step = watched  # type: ignore[method-assign, assignment]
    run_toy(tmp_path, recipe=recipe, before_validation=lambda _: modes.append(("validation", recipe.net.training)))
    assert modes == ([("step", True)] * 5 + [("validation", False)]) * 2


def test_skipped_samples__are_counted_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        summary = run_toy(tmp_path, stream=ToyStream(skipped=["a.png", "b.png"]))
    assert summary.skipped == ["a.png", "b.png"]
    assert "2 samples could not be read" in caplog.text
