# SPDX-License-Identifier: Apache-2.0
"""What can be made again is kept where the user said, or where the system keeps such things."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.rasters.user_cache import FOLDER_VARIABLE, cache_folder


def test_cache_folder__is_the_users_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "leadline"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other"
