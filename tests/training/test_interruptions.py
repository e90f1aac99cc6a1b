# SPDX-License-Identifier: Apache-2.0
"""Whatever kills a run, resuming it ends in the same bytes: weights, optimiser, average, random states, best, log."""

from __future__ import annotations

import errno
import random
import signal
import time
from pathlib import Path

import pytest

from leadline.training.run import holds_run
from leadline.training.tensor_file import read_tensors
from tests.training.crash import Fault, calls_of_a_run, exit_code, start
from tests.training.toy import digest

RANDOM = random.Random(20)
KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("reference") / "run"
    assert exit_code(path) == 0
    return digest(path)


def crash_points(path: Path, fault: Fault, count: int) -> list[int]:
    """``count`` of the numbers of all file system calls of a run, or all of them."""
    calls = calls_of_a_run(path, fault)
    assert calls > 100
    return list(range(1, calls + 1)) if count == 0 else sorted(RANDOM.sample(range(1, calls + 1), count))


def assert_checkpoints_are_whole(path: Path) -> None:
    for folder in path.glob("checkpoint_*"):
        read_tensors(folder, "training_state")
        assert (folder / "model.json").read_text() == "{}\n"


def assert_every_crash_point_is_harmless(folder: Path, fault: Fault, count: int, reference: dict[str, str]) -> None:
    for call in crash_points(folder / "count", fault, count):
        path = folder / f"call{call}"
        code = exit_code(path, Fault(at_call=call, error=fault.error, exchange=fault.exchange))
        # an error while tidying up is no reason to stop: then the run ends well at once
        assert code == KILLED if not fault.error else code in {0, 2}, f"call {call}: exit {code}"
        assert_checkpoints_are_whole(path)
        assert exit_code(path) == 0
        assert digest(path) == reference, f"call {call}"


@pytest.mark.parametrize("count", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_kill_at_a_file_system_call__ends_in_the_same_bytes(tmp_path: Path, reference: dict[str, str], count: int) -> None:
    assert_every_crash_point_is_harmless(tmp_path, Fault(), count, reference)


@pytest.mark.parametrize("count", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_kill_without_folder_exchange__ends_in_the_same_bytes(tmp_path: Path, reference: dict[str, str], count: int) -> None:
    assert_every_crash_point_is_harmless(tmp_path, Fault(exchange=False), count, reference)


@pytest.mark.parametrize(
    ("count", "error"),
    [
        (1, errno.ENOSPC),
        (1, errno.EACCES),
        (1, errno.EIO),
        pytest.param(60, errno.ENOSPC, marks=pytest.mark.slow),
        pytest.param(40, errno.EACCES, marks=pytest.mark.slow),
        pytest.param(40, errno.EIO, marks=pytest.mark.slow),
    ],
)
def test_failing_file_system_call__is_one_error_and_loses_nothing(
    tmp_path: Path, reference: dict[str, str], count: int, error: int
) -> None:
    assert_every_crash_point_is_harmless(tmp_path, Fault(error=error), count, reference)


@pytest.mark.parametrize("count", [1, pytest.param(40, marks=pytest.mark.slow)])
def test_kill_at_a_random_moment__ends_in_the_same_bytes(tmp_path: Path, reference: dict[str, str], count: int) -> None:
    began = time.monotonic()
    assert exit_code(tmp_path / "timed") == 0
    whole_s = time.monotonic() - began
    for index in range(count):
        path = tmp_path / f"kill{index}"
        for _ in range(2):
            process = start(path)
            process.join(RANDOM.uniform(0.0, whole_s))
            process.kill()
            process.join()
            assert_checkpoints_are_whole(path)
        assert exit_code(path) == 0
        assert digest(path) == reference


@pytest.mark.parametrize("step", [0, 4, 9])
def test_sigterm__stops_after_its_step_with_143_and_resumes(tmp_path: Path, reference: dict[str, str], step: int) -> None:
    path = tmp_path / "run"
    assert exit_code(path, Fault(signal_at_step=step)) == 143
    _, facts = read_tensors(path / "checkpoint_latest", "training_state")
    assert facts["state"]["update"] == step + 1
    assert exit_code(path) == 0
    assert digest(path) == reference


@pytest.mark.parametrize("epoch", [0, 1])
def test_sigterm_in_validation__leaves_it_and_repeats_it_after_resuming(
    tmp_path: Path, reference: dict[str, str], epoch: int
) -> None:
    path = tmp_path / "run"
    assert exit_code(path, Fault(signal_in_validation=epoch)) == 143
    _, facts = read_tensors(path / "checkpoint_latest", "training_state")
    assert (facts["state"]["epoch"], facts["state"]["batch"]) == (epoch, 5)
    assert exit_code(path) == 0
    assert digest(path) == reference


def test_ctrl_c__is_a_request_to_stop_like_sigterm(tmp_path: Path, reference: dict[str, str]) -> None:
    path = tmp_path / "run"
    assert exit_code(path, Fault(signal_at_step=2, number=signal.SIGINT)) == 143
    assert exit_code(path) == 0
    assert digest(path) == reference


@pytest.mark.parametrize("count", [1, pytest.param(40, marks=pytest.mark.slow)])
def test_sigterm_at_a_random_moment__saves_and_resumes(tmp_path: Path, reference: dict[str, str], count: int) -> None:
    for index in range(count):
        path = tmp_path / f"term{index}"
        process = start(path)
        while not holds_run(path) and process.is_alive():
            time.sleep(0.005)
        process.join(RANDOM.uniform(0.0, 1.0))
        process.terminate()
        process.join()
        # before the engine listens, the signal has its usual effect
        assert process.exitcode in {0, 143, -signal.SIGTERM}
        assert exit_code(path) == 0
        assert digest(path) == reference
