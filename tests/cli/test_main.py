# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from leadline.cli.main import VERBS, main

_NO_TORCH = """
import sys
from leadline.cli.main import main
try:
    main({argv!r})
except SystemExit:
    pass
heavy = sorted({{"torch", "numpy", "timm", "transformers"}} & set(sys.modules))
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""


_RUN = """
import atexit, sys
from leadline.cli.main import run
atexit.register(print, "finalised")
sys.argv = ["leadline", {argument!r}]
run()
"""


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_main__answers_help_without_importing_torch() -> None:
    done = run_python(_NO_TORCH.format(argv=["--help"]))
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_main__explains_each_verb_without_importing_torch(verb: str) -> None:
    done = run_python(_NO_TORCH.format(argv=[verb, "--help"]))
    assert done.returncode == 0, done.stderr
    assert f"leadline {verb}" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_main__finds_a_main_in_the_module_of_each_verb(verb: str) -> None:
    assert callable(importlib.import_module(VERBS[verb][0]).main)


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["--version"]])
def test_main__succeeds_at_saying_what_there_is(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert "leadline" in capsys.readouterr().out


def test_main__names_the_nearest_verb_for_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalaute"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("leadline: expected one of demo, train")
    assert "got 'evalaute'; did you mean evaluate?" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["list", "recipes"]])
def test_main__exits_with_141_when_the_reader_has_gone(words: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "leadline.cli.main", *words],
            stdout=write_end, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("argument", "status"), [("--version", 0), ("nonsense", 2)])
@pytest.mark.parametrize(("world", "finalised"), [("1", True), ("2", False)])
def test_run__ends_the_process_with_the_status_and_without_finalising_one_of_several(
    argument: str, status: int, world: str, finalised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", world)
    done = run_python(_RUN.format(argument=argument))
    assert done.returncode == status
    assert ("finalised" in done.stdout) == finalised
    assert ("leadline 0" in done.stdout) == (status == 0)
    assert ("leadline: expected" in done.stderr) == (status == 2)
