# SPDX-License-Identifier: Apache-2.0
"""Every shipped configuration is read against the dataclass that is its schema."""

import pytest

from leadline.cli.toml_defaults import read_toml_defaults, shipped_configs
from leadline.recipes.metric.config import MetricConfig


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_config__fits_its_recipe(name: str) -> None:
    values = read_toml_defaults(MetricConfig, name)
    assert values
    assert MetricConfig(**values)


def test_shipped_configs__are_found_by_name() -> None:
    assert {"demo", "metric-reference", "metric-nyu-zoe", "metric-cpu-small"} <= set(shipped_configs())
