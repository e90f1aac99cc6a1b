# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import UsageError, WeightsError
from leadline.data.label_folder import read_job
from leadline.labelling.job import begin_or_join
from tests.labelling.toys import FACTS, request_for


def test_begin_or_join__begins_once_and_joins_what_is_the_same(tmp_path: Path) -> None:
    request = request_for(tmp_path / "pictures", tmp_path / "out")
    begun = begin_or_join(request, FACTS)
    assert begun == read_job(tmp_path / "out")
    assert begun.model == "toy@abababababab"
    elsewhere = replace(request, model="/elsewhere/toy2", workers=3, on_unreadable="stop")
    assert begin_or_join(elsewhere, FACTS) == begun


def test_begin_or_join__names_a_checkpoint_by_its_run(tmp_path: Path) -> None:
    request = request_for(tmp_path / "pictures", tmp_path / "out", model=str(tmp_path / "run7" / "checkpoint_best"))
    assert begin_or_join(request, FACTS).model.startswith("run7/checkpoint_best@")


def test_begin_or_join__refuses_other_weights_in_one_line(tmp_path: Path) -> None:
    request = request_for(tmp_path / "pictures", tmp_path / "out")
    begin_or_join(request, FACTS)
    with pytest.raises(WeightsError, match=r"toy@abababababab.*got toy@cdcdcdcdcdcd") as caught:
        begin_or_join(request, replace(FACTS, weights_sha256="cd" * 32))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dtype": "fp16"}, "dtype = uint16"),
        ({"store": "picture"}, "store = network"),
        ({"tta": "flip"}, "tta = none"),
        ({"min_valid": 0.5}, "min_valid = 0.0"),
        ({"drop_dead": True}, "drop_dead = False"),
        ({"batch_size": 2}, "batch_size = 1"),
        ({"threads": 2}, "threads = 1"),
        ({"runtime": "onnx"}, "runtime = torch"),
    ],
)
def test_begin_or_join__refuses_each_other_setting_by_name(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    request = request_for(tmp_path / "pictures", tmp_path / "out")
    begin_or_join(request, FACTS)
    with pytest.raises(UsageError, match=named):
        begin_or_join(replace(request, **change), FACTS)


@pytest.mark.parametrize("change", [{"input_size": 42}, {"precision": "bf16"}, {"device": "cuda"}])
def test_begin_or_join__refuses_what_the_opened_model_settled_on_otherwise(tmp_path: Path, change: dict[str, Any]) -> None:
    request = request_for(tmp_path / "pictures", tmp_path / "out")
    begin_or_join(request, FACTS)
    with pytest.raises(UsageError, match=f"{next(iter(change))} = .*got {next(iter(change.values()))}"):
        begin_or_join(request, replace(FACTS, settings={**FACTS.settings, **change}))
