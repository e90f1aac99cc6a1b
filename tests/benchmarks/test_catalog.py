# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib

import pytest

from leadline.benchmarks.catalog import BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmarks__each_can_measure_and_says_what_it_expects(name: str) -> None:
    entry = BENCHMARKS[name]
    module = importlib.import_module(entry.module)
    assert callable(module.measure)
    assert entry.summary
    assert "at " in entry.expected
    assert "Expected:" in " ".join((module.__doc__ or "").split())
