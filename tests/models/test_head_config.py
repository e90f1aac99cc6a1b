# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.models.config import DepthModelConfig
from leadline.models.head_config import HEADS, HeadConfig, MetricBinsHeadConfig, RoutedBinsHeadConfig


@pytest.mark.parametrize("name", HEADS)
def test_head__survives_json_under_its_name(name: str) -> None:
    config = DepthModelConfig(head=HEADS[name]())
    stored = json.loads(json.dumps(config.to_dict()))
    assert stored["head"]["type"] == name
    assert DepthModelConfig.from_dict(stored) == config


def test_routed_head__survives_json_with_other_domains() -> None:
    head: HeadConfig = RoutedBinsHeadConfig(
        domains=("a", "b", "c"), min_depths_m=(1.0, 1.0, 1.0), max_depths_m=(2.0, 3.0, 4.0), routing="batch"
    )
    config = DepthModelConfig(encoder="beitl", head=head)
    assert DepthModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.kind is DepthKind.METRIC


def test_routed_head__gives_each_domain_its_bins() -> None:
    head = RoutedBinsHeadConfig(n_bins=32, attractor_kind="sum", compat=True)
    assert head.bins_of("kitti") == MetricBinsHeadConfig(
        n_bins=32,
        max_depth_m=80.0,
        n_attractors=(16, 16, 16, 16),
        attractor_kind="sum",
        min_temp=0.0212,
        compat=True,
    )
    with pytest.raises(UsageError, match="even bin_embedding_dim"):
        RoutedBinsHeadConfig(bin_embedding_dim=127)


def test_encoder__beit_brings_its_own_table_and_reads_class_tokens() -> None:
    config = DepthModelConfig(encoder="beitl")
    assert (config.features, config.channels, config.readout) == (256, (256, 512, 1024, 1024), "project")
    assert DepthModelConfig().readout == "ignore"
    with pytest.raises(UsageError, match="taps below 24 for beitl"):
        DepthModelConfig(encoder="beitl", taps=(1, 2, 3, 24))
