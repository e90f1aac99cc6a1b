# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from leadline.inference.tiles.memory import return_freed_memory


def test_return_freed_memory__asks_glibc_and_does_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=asked.append))
    monkeypatch.setattr(sys, "platform", "linux")
    return_freed_memory()
    assert asked == [0]
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    return_freed_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("no such library there"))
    return_freed_memory()
