# SPDX-License-Identifier: Apache-2.0
"""Every shipped configuration is read against the dataclass that is its schema."""

import pytest

from leadline.cli.toml_defaults import read_toml_defaults, shipped_configs, shipped_configs_of
from leadline.recipes.catalog import RECIPES


@pytest.mark.parametrize("recipe", RECIPES)
def test_shipped_config__fits_its_recipe(recipe: str) -> None:
    schema = RECIPES[recipe].config
    assert shipped_configs_of(recipe)
    for name in shipped_configs_of(recipe):
        values = read_toml_defaults(schema, name)
        assert values
        assert schema(**values)


def test_shipped_config__says_which_recipe_it_is_of() -> None:
    assert sorted({name for recipe in RECIPES for name in shipped_configs_of(recipe)}) == list(shipped_configs())
    assert "tiny-cpu" in shipped_configs_of("semi-supervised")
    assert "tiny-cpu" in shipped_configs_of("distillation")


def test_shipped_configs__are_found_by_name() -> None:
    assert {"demo", "metric-reference", "metric-nyu-zoe", "metric-cpu-small"} <= set(shipped_configs())
