# SPDX-License-Identifier: Apache-2.0
"""Two processes as one run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from leadline.contracts.errors import LeadlineError, UsageError
from leadline.contracts.sample import Batch
from leadline.training import distributed
from leadline.training.distributed import Ranks, first_says, sum_across
from leadline.training.run import holds_run
from leadline.training.signals import EXIT_TERMINATED, Terminated
from leadline.training.tensor_file import read_tensors
from tests.training.crash import CONTEXT
from tests.training.toy import ToyRecipe, ToyStream, changed, digest, run_toy

PLAIN = changed(save_every_steps=0, schedule="constant", lr=1e-3)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def on_two_ranks(work: Callable[..., None], *arguments: Any) -> list[int]:
    """Exit codes of both ranks."""
    port = free_port()
    processes = [CONTEXT.Process(target=_rank, args=(rank, port, work, arguments)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode or 0 for process in processes]


def _rank(rank: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    torch.set_num_threads(1)
    try:
        with distributed.together() as ranks:
            assert ranks == distributed.join() == Ranks(rank=rank, world=2, local_rank=rank)
            work(rank, *arguments)
    except Terminated:
        sys.exit(EXIT_TERMINATED)
    except LeadlineError:
        sys.exit(2)
    assert not dist.is_initialized()


def _sums(rank: int) -> None:
    values = torch.tensor([1.0 + rank, 2.0], requires_grad=True)
    total = sum_across(values)
    assert total.tolist() == [3.0, 4.0]
    weights = torch.tensor([1.0, 10.0 * (rank + 1)])
    (gradient,) = torch.autograd.grad((total * weights).sum(), values)
    assert gradient.tolist() == [2.0, 30.0]
    value = torch.tensor([2.0 + rank], requires_grad=True)
    (first,) = torch.autograd.grad(sum_across(value) ** 3, value, create_graph=True)
    assert first.tolist() == [2 * 3 * 5.0**2]  # both ranks' losses depend on it
    (second,) = torch.autograd.grad(first, value)
    assert second.tolist() == [4 * 6 * 5.0]
    assert first_says(flag=rank == 0)
    assert not first_says(flag=rank == 1)


def test_sum_across__adds_values_and_gradients() -> None:
    assert on_two_ranks(_sums) == [0, 0]


def _late_second(rank: int, folder: Path) -> None:
    if rank == 1:
        time.sleep(1.5)
        (folder / "second is done").touch()
    distributed.leave()
    assert (folder / "second is done").exists()


def test_leave__waits_until_every_rank_has_come(tmp_path: Path) -> None:
    assert on_two_ranks(_late_second, tmp_path) == [0, 0]


def _second_fails(rank: int) -> None:
    if rank == 1:
        raise UsageError(expected="a", got="b", remedy="c")
    distributed.current()


def test_together__does_not_wait_in_a_rank_that_fails() -> None:
    first, second = on_two_ranks(_second_fails)
    assert second == 2
    assert first != 0  # its peer has gone, which it says


def test_alone__everything_is_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert distributed.join() == Ranks(rank=0, world=1, local_rank=0)
    values = torch.ones(2)
    assert sum_across(values) is values
    assert first_says(flag=True)
    assert not dist.is_initialized()
    distributed.wait_for_all()
    distributed.leave()


def double(_: int, batch: Batch) -> Batch:
    assert batch.depth is not None
    return replace(batch, image=batch.image.double(), depth=batch.depth.double())


class Steady(ToyRecipe):
    """Frozen batch statistics, no dropout and no draw after a step: alike for any split of a batch."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(dropout=0.0)
        self.to(dtype)

    def train(self, mode: bool = True) -> Steady:  # noqa: FBT002
        super().train(mode)
        self.net.encoder.eval()
        return self

    def after_step(self) -> None:
        pass


def _train(rank: int, path: Path, changes: dict[str, Any], steps: int, wide: int) -> None:
    stream = ToyStream(rank=rank, world=dist.get_world_size() if dist.is_initialized() else 1, steps_per_epoch=steps)
    recipe = Steady(torch.float64 if wide else torch.float32)
    if wide:
        stream.spoil = double
    run_toy(path, changed(PLAIN, **changes), stream=stream, recipe=recipe)


def tensors(path: Path) -> dict[str, Tensor]:
    found, _ = read_tensors(path / "checkpoint_latest", "training_state")
    return {name: tensor for name, tensor in found.items() if not name.startswith("random/")}


def logged(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def assert_runs_agree(one: Path, other: Path, tolerance: float) -> None:
    for line, twin in zip(logged(one), logged(other), strict=True):
        assert line == pytest.approx(twin, rel=tolerance)
    expected = tensors(one)
    for name, tensor in tensors(other).items():
        torch.testing.assert_close(tensor, expected[name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}], ids=["plain", "accumulate"])
def test_two_ranks__equal_one_with_the_same_global_batch(tmp_path: Path, changes: dict[str, Any]) -> None:
    _train(0, tmp_path / "one", changes, 5, 0)
    assert on_two_ranks(_train, tmp_path / "two", changes, 5, 0) == [0, 0]
    assert_runs_agree(tmp_path / "one", tmp_path / "two", 1e-6)


@pytest.mark.slow
def test_loss_curves_in_double_precision__are_one_over_a_hundred_steps(tmp_path: Path) -> None:
    _train(0, tmp_path / "one", {}, 50, 1)
    assert on_two_ranks(_train, tmp_path / "two", {}, 50, 1) == [0, 0]
    assert_runs_agree(tmp_path / "one", tmp_path / "two", 1e-10)


def _train_with_signal(rank: int, path: Path, signalled: int) -> None:
    recipe = ToyRecipe()
    step = recipe.step

    def signalling(batches: Any, progress: Any) -> Any:
        if progress.step == 3 and rank == signalled:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(batches, progress)

    recipe.step = signalling  # type: ignore[method-assign]
    resume = "latest" if holds_run(path) else None
    distributed.wait_for_all()  # both ranks look before rank 0 makes the folder
    run_toy(path, stream=ToyStream(rank=rank, world=2), recipe=recipe, resume=resume)


@pytest.mark.slow
def test_sigterm_on_any_rank__stops_both_after_the_same_step_and_resumes(tmp_path: Path) -> None:
    assert on_two_ranks(_train_with_signal, tmp_path / "whole", -1) == [0, 0]
    assert on_two_ranks(_train_with_signal, tmp_path / "run", 1) == [143, 143]
    _, facts = read_tensors(tmp_path / "run" / "checkpoint_latest", "training_state")
    assert facts["state"]["update"] in {4, 5}
    assert on_two_ranks(_train_with_signal, tmp_path / "run", -1) == [0, 0]
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


def _train_spoiled(rank: int, path: Path) -> None:
    def spoil(position: int, batch: Batch) -> Batch:
        return replace(batch, image=batch.image * float("nan")) if position == 3 and rank == 1 else batch

    run_toy(path, PLAIN, stream=ToyStream(rank=rank, world=2, spoil=spoil))


def test_non_finite_batch_of_one_rank__stops_both_and_each_leaves_its_replay(tmp_path: Path) -> None:
    assert on_two_ranks(_train_spoiled, tmp_path / "run") == [2, 2]
    folder = tmp_path / "run" / "nonfinite_step_3"
    assert sorted(path.name for path in folder.iterdir()) == ["rank_0", "rank_1"]
    stored, _ = read_tensors(folder / "rank_1", "replay")
    assert stored["batch/0/train/image"].isnan().all()
    assert all(
        tensor.isfinite().all() for name, tensor in stored.items() if name.startswith("recipe/") and "running" not in name
    )


@pytest.mark.slow
def test_torchrun__starts_the_ranks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from leadline.training import distributed\n"
        "from tests.training.test_distributed import _train\n"
        "with distributed.together() as ranks:\n"
        "    _train(ranks.rank, Path(sys.argv[1]), {}, 5, 0)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(script), str(tmp_path / "two")], check=True, env=environment)
    _train(0, tmp_path / "one", {}, 5, 0)
    assert_runs_agree(tmp_path / "one", tmp_path / "two", 1e-6)
