# SPDX-License-Identifier: Apache-2.0
"""The survey before the steps of an update: a loss that needs the mean over all of its batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn

from leadline.contracts.errors import DataError, NonFiniteError
from leadline.contracts.sample import Batch
from leadline.training.distributed import StepModule, sum_across
from leadline.training.nonfinite import replay
from leadline.training.placement import Placement
from leadline.training.recipe import Progress, StepResult
from leadline.training.update import Work, gather_gradients
from tests.training.surveying import WHOLE, Central, Parts, Totals, rows
from tests.training.test_distributed import assert_runs_agree, on_two_ranks
from tests.training.toy import ToyStream, changed, digest, register_hook, run_toy

PROGRESS = Progress(epoch=0, step=0, total_steps=10, sum_across=sum_across)
PLAIN = changed(save_every_steps=0, schedule="constant", lr=1e-3)


def work(*batches: Batch) -> Work:
    return Work(batches=[{"train": batch} for batch in batches], seeds=list(range(len(batches))), progress=PROGRESS)


def parts(split: int) -> Work:
    return work(*(Parts(split=split).batch(0, step) for step in range(split)))


def gathered(recipe: Central, done: Work, dtype: torch.dtype | None = None) -> tuple[Tensor, dict[str, Tensor]]:
    """The mean loss of an update and its gradients."""
    recipe.train()
    means = gather_gradients(StepModule(recipe), done, Placement(device=torch.device("cpu"), autocast_dtype=dtype))
    return means["Loss"], {name: p.grad for name, p in recipe.trained.named_parameters() if p.grad is not None}


def test_survey__comes_before_the_steps_and_sees_their_batches_in_their_order() -> None:
    recipe = Central()
    gathered(recipe, parts(4))
    keys = ["0/0/0", "0/0/2", "0/0/4", "0/0/6"]
    assert recipe.calls == [f"survey {key}" for key in keys] + [f"step {key}" for key in keys]


def test_survey__makes_four_batches_of_two_the_loss_and_gradient_of_one_of_eight() -> None:
    loss, gradients = gathered(Central(), parts(4))
    expected_loss, expected = gathered(Central(), parts(1))
    torch.testing.assert_close(loss, expected_loss, rtol=1e-12, atol=0.0)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-10, atol=1e-12)
    other, _ = gathered(Central(surveys=False), parts(4))
    assert abs(float(other / expected_loss) - 1) > 0.05  # without the survey it is another loss


def test_survey__draws_the_dropout_of_the_steps() -> None:
    recipe = Central(dropout=0.5, steady=False)
    gathered(recipe, parts(4))
    assert all(torch.equal(one, other) for one, other in zip(recipe.seen["survey"], recipe.seen["step"], strict=True))
    again = Central(dropout=0.5, steady=False)
    gathered(again, replace(parts(4), seeds=[9, 9, 9, 9]))
    assert not torch.equal(again.seen["step"][0], recipe.seen["step"][0])


def test_survey__counts_no_batch_twice_in_running_statistics() -> None:
    surveyed, plain = Central(steady=False), Central(steady=False, surveys=False)
    gathered(surveyed, parts(4))
    gathered(plain, parts(4))
    norm = surveyed.net.encoder[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_batches_tracked is not None
    assert norm.num_batches_tracked.item() == 4
    expected = dict(plain.named_buffers())
    for name, buffer in surveyed.named_buffers():
        assert torch.equal(buffer, expected[name]), name


def test_survey__puts_back_a_buffer_that_it_replaces() -> None:
    class Counting(Central):
        count: Tensor

        def survey(self, batches: Iterable[Mapping[str, Batch]], progress: Progress) -> Totals:
            self.count = self.count + 1
            return super().survey(batches, progress)

    recipe = Counting()
    count = torch.zeros((), dtype=torch.int64)
    recipe.register_buffer("count", count)
    recipe.register_buffer("nothing", None)
    gathered(recipe, parts(2))
    assert recipe.count is count
    assert count.item() == 0


def test_survey__computes_in_the_precision_of_the_steps() -> None:
    class Precise(Central):
        def embed(self, batches: Mapping[str, Batch], caller: str) -> Tensor:
            self.calls.append(str(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None))
            return super().embed(batches, caller)

    for dtype in (torch.bfloat16, None):
        recipe = Precise()
        recipe.float()
        whole = [{"train": rows(ToyStream(batch_size=WHOLE).batch(0, 0), slice(2 * i, 2 * i + 2))} for i in range(4)]
        gathered(recipe, replace(parts(4), batches=whole), dtype)
        assert recipe.calls[::2] == [str(dtype)] * 8


@pytest.mark.parametrize(("surveys", "split"), [(False, 4), (True, 1)], ids=["not asked for", "one batch"])
def test_update_without_survey__computes_nothing_else_and_clones_nothing(
    surveys: bool, split: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.training.update._buffers_put_back", lambda _: pytest.fail("buffers were copied"))
    recipe, done = Central(surveys=surveys), parts(split)
    seen: list[Progress] = []
    step = recipe.step

    def watched(batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        seen.append(progress)
        return step(batches, progress)

    recipe.step = watched  # type: ignore[method-assign]
    gathered(recipe, done)
    assert len(recipe.calls) == split
    assert all(progress is done.progress for progress in seen)
    assert done.progress.surveyed is None


def test_last_update_of_an_epoch__surveys_the_batches_that_are_left(tmp_path: Path) -> None:
    recipe = Central()
    run_toy(tmp_path, changed(PLAIN, epochs=1, accumulate=4), recipe=recipe, stream=Parts(split=4, steps_per_epoch=6))
    kinds = [call.split()[0] for call in recipe.calls]
    assert kinds == ["survey"] * 4 + ["step"] * 4 + ["after_step"] + ["survey"] * 2 + ["step"] * 2 + ["after_step"]
    single = Central()
    run_toy(tmp_path / "1", changed(PLAIN, epochs=1, accumulate=4), recipe=single, stream=Parts(split=4, steps_per_epoch=5))
    assert [call.split()[0] for call in single.calls][-3:] == ["after_step", "step", "after_step"]


def _train(rank: int, path: Path, split: int) -> None:
    """Two epochs of three updates of eight pictures."""
    world = dist.get_world_size() if dist.is_initialized() else 1
    stream = Parts(split=split, steps_per_epoch=3 * split, rank=rank, world=world)
    run_toy(path, changed(PLAIN, accumulate=split), recipe=Central(), stream=stream)


def test_run__of_parts_ends_with_the_weights_of_whole_batches(tmp_path: Path) -> None:
    _train(0, tmp_path / "whole", 1)
    _train(0, tmp_path / "parts", 4)
    assert_weights_agree(tmp_path / "whole", tmp_path / "parts")


def test_run__of_parts_on_two_ranks_ends_with_the_weights_of_whole_batches_on_one(tmp_path: Path) -> None:
    _train(0, tmp_path / "whole", 1)
    _train(0, tmp_path / "parts", 4)
    assert on_two_ranks(_train, tmp_path / "two", 4) == [0, 0]
    assert_weights_agree(tmp_path / "whole", tmp_path / "two")
    assert_runs_agree(tmp_path / "parts", tmp_path / "two", 1e-10)


def test_resumed_run__is_the_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    def refuse(position: int, batch: Batch) -> Batch:
        if position == 9:
            raise DataError(expected="a picture", got="nothing", remedy="mend it")
        return batch

    settings = changed(accumulate=2, save_every_steps=0)
    stream = Parts(split=4, steps_per_epoch=7)
    with pytest.raises(DataError):
        run_toy(tmp_path / "run", settings, recipe=lively(), stream=replace(stream, spoil=refuse))
    run_toy(tmp_path / "run", settings, recipe=lively(), stream=stream, resume="latest")
    run_toy(tmp_path / "whole", settings, recipe=lively(), stream=stream)
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


def lively() -> Central:
    return Central(dropout=0.2, steady=False)


def test_batch_that_is_not_finite__stops_the_run_before_the_update(tmp_path: Path) -> None:
    def spoil(position: int, batch: Batch) -> Batch:
        return replace(batch, image=torch.full_like(batch.image, math.nan)) if position == 6 else batch

    recipe = lively()
    with pytest.raises(NonFiniteError, match="loss nan"):
        run_toy(tmp_path, changed(PLAIN, accumulate=4), recipe=recipe, stream=Parts(split=4, steps_per_epoch=8, spoil=spoil))
    assert all(parameter.isfinite().all() for parameter in recipe.parameters())
    found = replay(lively(), tmp_path / "nonfinite_step_1" / "rank_0")
    assert math.isnan(found.loss)


class Explosive(Central):
    """Its second update has a finite loss without a finite gradient."""

    def step(self, batches: Mapping[str, Batch], progress: Progress) -> StepResult:
        result = super().step(batches, progress)
        if progress.step == 1:
            register_hook(self.get_parameter("trained.head.2.weight"), lambda gradient: gradient / 0.0)
        return result


def test_replay__surveys_again_and_ends_in_the_same_loss(tmp_path: Path) -> None:
    stream = Parts(split=4, steps_per_epoch=8)
    with pytest.raises(NonFiniteError) as caught:
        run_toy(tmp_path, changed(PLAIN, accumulate=4), recipe=Explosive(dropout=0.3, steady=False), stream=stream)
    again = Explosive(dropout=0.3, steady=False)
    found = replay(again, tmp_path / "nonfinite_step_1" / "rank_0")
    assert f"got loss {found.loss}," in str(caught.value)
    assert len(again.seen["survey"]) == len(again.seen["step"]) == 4


def assert_weights_agree(one: Path, other: Path) -> None:
    """Of runs whose batches are numbered differently, which their logs therefore are too."""
    expected = load_file(one / "checkpoint_latest" / "model.safetensors")
    for name, tensor in load_file(other / "checkpoint_latest" / "model.safetensors").items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-6, atol=1e-9)
