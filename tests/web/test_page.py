# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the extra app is not installed")

from leadline.web.known_points import KnownPoint
from leadline.web.limits import Limits, Work
from leadline.web.page import Session, _listed, build_page
from leadline.web.shelf import Loading, Shelf


def page(folder: Path, *models: str) -> Any:
    return build_page(Shelf(models or ("random:none",), Loading()), Limits(), folder, Work())


def components(built: Any, kind: str) -> list[Any]:
    return [block for block in built.blocks.values() if type(block).__name__ == kind]


def test_build_page__loads_no_model_and_offers_the_named_ones(tmp_path: Path) -> None:
    one, several = page(tmp_path, "a"), page(tmp_path, "a", "b")
    (model,) = [block for block in components(several, "Dropdown") if block.label == "Model"]
    assert [choice[0] for choice in model.choices] == ["a", "b"]
    assert model.visible is True
    assert next(block for block in components(one, "Dropdown") if block.label == "Model").visible is False


def test_build_page__has_no_public_endpoint_and_no_telemetry(tmp_path: Path) -> None:
    built = page(tmp_path)
    assert built.analytics_enabled is False
    assert {function.api_visibility for function in built.fns.values()} == {"private"}


def test_build_page__one_picture_is_predicted_at_a_time(tmp_path: Path) -> None:
    built = page(tmp_path)
    assert [function.concurrency_limit for function in built.fns.values() if function.name == "predict"] == [1]


def test_listed__numbers_the_points_as_the_view_does() -> None:
    points = (KnownPoint(x_px=1, y_px=2, depth_m=3.5), KnownPoint(x_px=4, y_px=5, depth_m=6.0))
    assert _listed(points) == "1. x 1, y 2: 3.5 m\n2. x 4, y 5: 6 m"
    assert _listed(Session().points) == "No points yet."
