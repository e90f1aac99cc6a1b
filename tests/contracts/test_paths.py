# SPDX-License-Identifier: Apache-2.0
"""Questions about paths that are always answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.paths import exists, is_file, is_folder


def test_paths__are_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert [ask(tmp_path) for ask in (exists, is_file, is_folder)] == [True, False, True]
    assert [ask(tmp_path / "file") for ask in (exists, is_file, is_folder)] == [True, True, False]
    assert [ask(tmp_path / "none") for ask in (exists, is_file, is_folder)] == [False, False, False]


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "\ud800", "a/" * 3000])
def test_paths__that_cannot_be_looked_up_are_not_there(tmp_path: Path, name: str) -> None:
    assert not any(ask(tmp_path / name) for ask in (exists, is_file, is_folder))
