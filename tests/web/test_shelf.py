# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import LeadlineError, UsageError
from leadline.models.head_config import RelativeHeadConfig
from leadline.web.shelf import Loading, Shelf, short_names
from tests.cli.toy import save_toy

CPU = Loading(device="cpu", precision="fp32", runtime="torch")


def test_shelf__opens_each_model_by_its_name_and_keeps_the_last(tmp_path: Path) -> None:
    metric, relative = str(save_toy(tmp_path / "a")), str(save_toy(tmp_path / "b", RelativeHeadConfig()))
    shelf = Shelf([metric, relative, metric], CPU)
    assert shelf.names == (metric, relative)
    first = shelf.predictor(metric)
    assert shelf.predictor(metric) is first
    assert first.kind is DepthKind.METRIC
    assert shelf.predictor(relative).kind is DepthKind.AFFINE_DISPARITY
    assert shelf.predictor(metric) is not first


def test_shelf__takes_no_path_from_the_page(tmp_path: Path) -> None:
    named, other = str(save_toy(tmp_path / "a")), str(save_toy(tmp_path / "b"))
    with pytest.raises(UsageError, match="a model of"):
        Shelf([named], CPU).predictor(other)


def test_shelf__says_what_is_wrong_with_a_model_and_stays_usable(tmp_path: Path) -> None:
    good = str(save_toy(tmp_path / "a"))
    shelf = Shelf([good, str(tmp_path / "none")], CPU)
    with pytest.raises(LeadlineError, match="none"):
        shelf.predictor(shelf.names[1])
    assert shelf.predictor(good).kind is DepthKind.METRIC


def test_short_names__fit_and_tell_models_apart(tmp_path: Path) -> None:
    assert short_names(["/runs/a/best", "/runs/b/best", "hf:org/small", "other/small"]) == [
        "a/best",
        "b/best",
        "org/small",
        "other/small",
    ]
    (long,) = short_names([f"{tmp_path}/{'x' * 40}-indoor{'y' * 40}-large.safetensors"])
    assert len(long) <= 36
    assert long.startswith("xxx")
    assert long.endswith("large.safetensors")
    alike = [f"/a/{'x' * 40}{letter}{'y' * 40}" for letter in "pq"]  # only in the middle, which would be cut
    assert short_names(alike) == alike
    assert short_names(["/one/m", "/two/m/", "m"]) == ["one/m", "two/m", "m"]
