# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.models.hugging_face_config import hugging_face_config
from leadline.models.hugging_face_values import hugging_face_values
from leadline.models.presets import PRESETS


@pytest.mark.parametrize("name", [name for name in PRESETS if not name.startswith("zoedepth-depth-anything")])
def test_hugging_face_values__every_preset_comes_back(name: str) -> None:
    config = PRESETS[name].config
    assert hugging_face_config(hugging_face_values(config)) == replace(config, input_size=None)
