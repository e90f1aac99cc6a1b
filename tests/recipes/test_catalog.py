# SPDX-License-Identifier: Apache-2.0
import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.catalog import RECIPES, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_catalog__each_entry_can_be_started_and_configured(name: str) -> None:
    entry = find_recipe(name)
    assert callable(entry.trainer())
    assert entry.config()
    assert entry.summary


def test_recipe_catalog__an_unknown_recipe_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"metric.*'metrik'"):
        find_recipe("metrik")


@pytest.mark.parametrize(("name", "remedy"), [("metrik", "did you mean metric?"), ("qqq", "see `leadline list recipes`")])
def test_recipe_catalog__an_unknown_recipe_is_answered_with_the_nearest(name: str, remedy: str) -> None:
    with pytest.raises(UsageError) as refusal:
        find_recipe(name)
    assert refusal.value.remedy == remedy
