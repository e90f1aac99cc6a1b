# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from leadline.benchmarks import folder
from leadline.inference.predictor import Predictor
from leadline.models.head_config import RelativeHeadConfig
from tests.inference.runtimes.test_traced_network import toy


def test_folder_rows__measures_all_against_the_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "PICTURES", 4)
    predictor = Predictor(toy(RelativeHeadConfig()), device="cpu", precision="fp32", input_size=28)
    (row,) = folder.folder_rows(predictor, rounds=2)
    assert 0 < row.value < 150
    assert "2 rounds of 2 pictures" in row.note
