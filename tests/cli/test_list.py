# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.data.catalog import DATASETS
from leadline.evaluation.catalog import PROTOCOLS
from leadline.models.presets import PRESETS
from leadline.recipes.catalog import RECIPES
from tests.cli.toy import say


@pytest.mark.parametrize(
    ("what", "names"),
    [("recipes", RECIPES), ("datasets", DATASETS), ("protocols", PROTOCOLS), ("models", PRESETS)],
)
def test_list__shows_every_entry_of_the_catalog(
    what: str, names: dict[str, object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    said = say(capsys, "list", what)
    assert said.status == 0, said.err
    assert all(name in said.out for name in names)


def test_list__suggests_the_nearest_listing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean models?" in say(capsys, "list", "model").mistake()


def test_list__asks_what_to_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert "WHAT" in say(capsys, "list").mistake()
