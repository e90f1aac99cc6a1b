# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.data.catalog import DATASETS
from leadline.evaluation.catalog import PROTOCOLS
from leadline.evaluation.published_tables import PUBLISHED
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


@pytest.mark.parametrize(("what", "names"), [("recipes", RECIPES), ("datasets", DATASETS), ("protocols", PROTOCOLS)])
def test_list__breaks_no_name_in_a_narrow_terminal(
    what: str, names: dict[str, object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = say(capsys, "list", what).out.splitlines()
    assert {line.split("│")[1].strip() for line in lines if line.startswith("│")} == {*names, ""}


def test_list__shows_published_numbers_each_reproducible_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    lines = say(capsys, "list", "published").out.splitlines()
    small = [line for line in lines if "Depth Anything V2 S " in line and "zero-shot" in line]
    assert len(small) == 5
    assert "  reproducible  " in next(line for line in small if " NYU " in line)
    assert "not reproducible: " in next(line for line in small if " DIODE " in line)
    assert len(lines) == 1 + len(PUBLISHED)


def test_list__says_of_a_model_its_size_kind_unit_licence_and_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # a line is a line however narrow the terminal
    lines = {line.split()[0]: line for line in say(capsys, "list", "models").out.splitlines()}
    for wanted in ("97.5 M", "affine_disparity", "CC-BY-NC-4.0", "https://", "hf:depth-anything/Depth-Anything-V2-Base-hf"):
        assert wanted in lines["depth-anything-v2-base"]
    for wanted in ("345.1 M", "metric", " m ", "80 m", "MIT", "hf:Intel/zoedepth-nyu-kitti"):
        assert wanted in lines["zoedepth-nyu-kitti"]


def test_list__shows_the_configurations_of_each_recipe_beside_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    lines = say(capsys, "list", "recipes").out.splitlines()
    (metric,) = (line for line in lines if line.split()[1:2] == ["metric"])
    assert "demo, metric-cpu-small, metric-nyu-zoe, metric-reference" in metric
    assert all("metric-cpu-small" not in line for line in lines if line is not metric)


def test_list__suggests_the_nearest_listing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean models?" in say(capsys, "list", "model").mistake()


def test_list__asks_what_to_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert "WHAT" in say(capsys, "list").mistake()
