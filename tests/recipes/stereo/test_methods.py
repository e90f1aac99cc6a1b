# SPDX-License-Identifier: Apache-2.0
"""The flag decides which of the two ways is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.recipes.stereo.methods import train_by_method
from leadline.recipes.supervised.run import Start
from leadline.training.display import SilentDisplay
from tests.recipes.stereo.toy import run_config


@pytest.mark.parametrize(
    ("method", "part", "other"), [("tio", "| matching |", "| pose |"), ("monodepth2", "| pose |", "| matching |")]
)
def test_train_by_method__trains_the_parts_of_the_method_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, part: str, other: str
) -> None:
    assert (
        train_by_method(run_config(tmp_path, method=method, dry_run=True), Start(sources={}, display=SilentDisplay()))
        is None
    )
    told = capsys.readouterr().out
    assert part in told
    assert other not in told
