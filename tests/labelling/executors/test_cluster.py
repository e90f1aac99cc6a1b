# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import MissingExtraError, StorageError
from leadline.labelling.board import LabelProgress
from leadline.labelling.run import label
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import save_toy
from tests.labelling.toys import content, request_for, write_pictures


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model") / "toy", RelativeHeadConfig())


@pytest.fixture(autouse=True)
def _tests_are_importable_on_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


def test_ray__missing_is_one_sentence_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None if name == "ray" else object())
    images = write_pictures(tmp_path / "pictures", 2)
    with pytest.raises(MissingExtraError, match=r"pip install 'leadline\[ray\]'"):
        label(request_for(images, tmp_path / "out", executor="ray"))


@pytest.fixture
def cluster() -> Iterator[tuple[Any, Any]]:
    """Two nodes of one core each, on this machine."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    started: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = started.add_node(num_cpus=1)
    started.wait_for_nodes()
    yield started, second
    started.shutdown()


@pytest.mark.slow
def test_ray__a_node_removed_mid_job_costs_nothing_but_time(toy: Path, tmp_path: Path, cluster: tuple[Any, Any]) -> None:
    images = write_pictures(tmp_path / "pictures", 40)
    removed: list[int] = []
    nodes, second = cluster

    def remove_a_node(now: LabelProgress) -> None:
        if now.shards_done >= 3 and not removed:
            removed.append(now.shards_done)
            nodes.remove_node(second, allow_graceful=False)

    request = request_for(images, tmp_path / "out", model=str(toy), executor="ray", address=nodes.address)
    found = label(request, remove_a_node)
    assert removed
    assert (found.shards, found.labels) == (20, 40)
    label(request_for(images, tmp_path / "local", model=str(toy), workers=1))
    assert content(tmp_path / "out") == content(tmp_path / "local")


@pytest.mark.slow
def test_ray__no_cluster_at_the_address_is_one_line(toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    images = write_pictures(tmp_path / "pictures", 2)
    with pytest.raises(StorageError, match=r"a Ray cluster at 127\.0\.0\.1:1"):
        label(request_for(images, tmp_path / "out", model=str(toy), executor="ray", address="127.0.0.1:1"))


if sys.platform != "linux":
    pytestmark = pytest.mark.skip(reason="clusters of several nodes on one machine need Linux")
