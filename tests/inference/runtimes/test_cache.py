# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import StorageError
from leadline.inference.runtimes.cache import cached_graph, content_key, graph_place
from leadline.models.head_config import RelativeHeadConfig, SigmoidHeadConfig
from leadline.rasters.user_cache import FOLDER_VARIABLE
from tests.inference.runtimes.test_traced_network import toy


def test_cached_graph__is_written_once_per_content(echo_cache: list[Path]) -> None:
    model = toy(RelativeHeadConfig())
    first = cached_graph(model)
    assert first.is_file()
    assert cached_graph(toy(RelativeHeadConfig())) == first
    assert len(echo_cache) == 1
    assert first.parent == graph_place(model)
    assert sorted(one.name for one in first.parent.parent.iterdir()) == [first.parent.name]


def test_content_key__changes_with_a_weight_and_with_the_configuration() -> None:
    model = toy(RelativeHeadConfig())
    before = content_key(model)
    assert content_key(toy(SigmoidHeadConfig())) != before
    assert content_key(toy(SigmoidHeadConfig(max_depth_m=5.0))) != content_key(toy(SigmoidHeadConfig(max_depth_m=6.0)))
    with torch.no_grad():
        model.encoder.get_parameter("norm.bias")[0] += 1e-6
    assert content_key(model) != before


def test_cached_graph__a_cache_that_cannot_be_written_is_named(
    echo_cache: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(StorageError, match=FOLDER_VARIABLE):
        cached_graph(toy(RelativeHeadConfig()))
    assert not echo_cache
