# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import WeightsError
from leadline.inference.predictor import Predictor
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.hugging_face_processor import PROCESSOR, with_processor
from leadline.models.weight_writers import write_weights
from leadline.models.weights import load_model
from tests.models.test_hub import serve

DINO, BEIT = DepthModelConfig(encoder="dinov2-toy"), DepthModelConfig(encoder="beit-toy")
# As the published folders say it.
DEPTH_ANYTHING: dict[str, Any] = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "ensure_multiple_of": 14,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 518, "width": 518},
}
ZOE: dict[str, Any] = DEPTH_ANYTHING | {
    "ensure_multiple_of": 32,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": {"height": 384, "width": 512},
}


def side_px(config: DepthModelConfig, values: dict[str, Any], folder: Path) -> int | None:
    (folder / PROCESSOR).write_text(json.dumps(values))
    return with_processor(config, folder).input_size


def test_published_folders__give_their_shorter_side(tmp_path: Path) -> None:
    assert side_px(DINO, DEPTH_ANYTHING, tmp_path) == 518
    assert side_px(BEIT, ZOE, tmp_path) == 384
    assert side_px(DINO, {"size": 252}, tmp_path) == 252
    assert side_px(DINO, {"size": {"shortest_edge": 350}}, tmp_path) == 350


def test_no_file_or_no_size__leaves_the_configuration_as_it_is(tmp_path: Path) -> None:
    assert with_processor(DINO, tmp_path) == DINO
    assert side_px(DINO, {}, tmp_path) is None
    assert side_px(DINO, {"size": 252, "do_resize": False}, tmp_path) is None


@pytest.mark.parametrize(
    ("config", "values", "said"),
    [
        (DINO, ZOE, "image_mean"),
        (BEIT, DEPTH_ANYTHING, "image_mean"),
        (DINO, {"image_std": [0.5, 0.5, 0.5]}, "image_std"),
        (DINO, {"image_mean": [0.485, 0.456]}, "image_mean"),
        (DINO, {"image_mean": 0.5}, "image_mean"),
        (DINO, {"do_normalize": False}, "do_normalize"),
        (DINO, {"do_rescale": False}, "do_rescale"),
        (DINO, {"rescale_factor": 1.0}, "rescale_factor"),
        (DINO, {"size": {"height": 0, "width": 5}}, "size"),
        (DINO, {"size": "large"}, "size"),
        (DINO, {"size": True}, "size"),
        (DINO, {"image_mean": ["a", "b", "c"]}, PROCESSOR),
    ],
)
def test_what_contradicts_the_encoder__is_refused_in_one_line(
    config: DepthModelConfig, values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=said) as refusal:
        side_px(config, values, tmp_path)
    assert "\n" not in str(refusal.value)
    assert str(tmp_path / PROCESSOR) in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[", "[]", "3"])
def test_damaged__is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / PROCESSOR).write_text(text)
    with pytest.raises(WeightsError, match="fetch the file again"):
        with_processor(DINO, tmp_path)


def test_load_model__predicts_at_the_size_the_folder_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_weights(DepthModel(DINO), tmp_path, layout="hugging-face")
    (tmp_path / PROCESSOR).write_text(json.dumps(DEPTH_ANYTHING | {"size": {"height": 70, "width": 70}}))
    assert Predictor(load_model(tmp_path), device="cpu", precision="fp32").preprocessing.input_size == 70
    serve(monkeypatch, tmp_path)
    assert load_model("hf:org/name").config.input_size == 70
    (tmp_path / PROCESSOR).write_text(json.dumps(ZOE))
    with pytest.raises(WeightsError, match="image_mean"):
        load_model(tmp_path)
