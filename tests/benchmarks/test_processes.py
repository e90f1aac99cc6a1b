# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

import pytest

from leadline.benchmarks.processes import ProcessKind, environment_of, in_fresh_process
from leadline.contracts.errors import UsageError
from leadline.inference.process import SETTINGS


def seen_settings(prefix: str) -> tuple[int, dict[str, str]]:
    settings = {name: os.environ[name] for name in os.environ if name in SETTINGS or name.startswith(prefix)}
    return os.getpid(), settings


def refuse(expected: str) -> None:
    raise UsageError(expected=expected, got="another", remedy="none")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("plain", set()),
        ("leadline", {"THP_MEM_ALLOC_ENABLE"}),
        ("thrifty", {"MALLOC_MMAP_THRESHOLD_"}),
    ],
)
def test_in_fresh_process__runs_elsewhere_with_the_settings_of_its_kind(
    kind: ProcessKind, wanted: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    process, settings = in_fresh_process(kind, seen_settings, "MALLOC_")
    assert process != os.getpid()
    assert settings.keys() - {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} == wanted
    assert settings.get("OMP_WAIT_POLICY") == ("ACTIVE" if kind == "leadline" else None)


def test_in_fresh_process__raises_what_the_work_raises() -> None:
    with pytest.raises(UsageError, match="expected a device"):
        in_fresh_process("plain", refuse, "a device")


@pytest.mark.parametrize("kind", ["plain", "leadline", "thrifty"])
def test_environment_of__leaves_the_environment_as_it_was(kind: ProcessKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    before = dict(os.environ)
    with environment_of(kind):
        os.environ["OF_A_CHILD"] = "1"
    assert dict(os.environ) == before
