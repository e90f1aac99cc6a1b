# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

import leadline.inference.runtimes.cache as cache
from leadline.models.depth_model import DepthModel
from leadline.rasters.user_cache import FOLDER_VARIABLE
from tests.portable_echo import echo_network


@pytest.fixture
def echo_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A cache folder of its own, in which every model's network is the echo; what was written is listed."""
    onnx = pytest.importorskip("onnx")
    written: list[Path] = []

    def write(_model: DepthModel, file: Path) -> tuple[str, ...]:
        written.append(file)
        onnx.save_model(echo_network(), str(file))
        return ("depth",)

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "write_network", write)
    return written
