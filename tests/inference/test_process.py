# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.inference.process import let_threads_wait, others_running

_FAULTS_OF_A_LARGE_BLOCK = """
import resource, sys
from leadline.inference.process import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def touch():
    return bytes(64 * 2**20)  # larger than the 32 MiB that glibc keeps at most
bytearray(touch())
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    bytearray(touch())
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", _FAULTS_OF_A_LARGE_BLOCK, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_keep_freed_memory__makes_large_blocks_come_back_without_page_faults() -> None:
    assert faults("kept") < faults("given back") / 10


def test_let_threads_wait__spins_briefly_where_nobody_else_runs() -> None:
    environment: dict[str, str] = {}
    let_threads_wait(environment, others_running=0)
    assert environment == {"GOMP_SPINCOUNT": "10000"}


def test_let_threads_wait__sleeps_where_others_want_the_cores() -> None:
    environment: dict[str, str] = {}
    let_threads_wait(environment, others_running=os.cpu_count() or 1)
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_let_threads_wait__leaves_a_choice_that_was_made(name: str) -> None:
    environment = {name: "ACTIVE"}
    let_threads_wait(environment, others_running=0)
    assert environment == {name: "ACTIVE"}


def test_let_threads_wait__changes_nothing_where_the_load_is_unknown() -> None:
    environment: dict[str, str] = {}
    let_threads_wait(environment, others_running=None)
    assert environment == {}


def test_others_running__leaves_out_the_asking_process(tmp_path: Path) -> None:
    status = tmp_path / "loadavg"
    status.write_text("0.50 0.40 0.30 3/512 4711\n", encoding="ascii")
    assert others_running(status) == 2


@pytest.mark.parametrize("text", ["", "0.5 0.4 0.3", "0.5 0.4 0.3 x/y 1"])
def test_others_running__is_none_where_the_system_does_not_say(tmp_path: Path, text: str) -> None:
    status = tmp_path / "loadavg"
    assert others_running(status) is None
    status.write_text(text, encoding="ascii")
    assert others_running(status) is None
