# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError, UsageError
from leadline.inference.preprocess import network_input
from leadline.inference.runtimes.exported_predictor import ExportedPredictor, is_exported
from leadline.inference.runtimes.sessions import OpenVinoSession, RuntimeName
from leadline.models.config import Interpolation
from leadline.models.normalisation import IMAGENET, Normalisation
from tests.portable_echo import UNCHANGED, description, write_echo
from tests.reference_photo import photo

# Ties of the size rule (3:2), shrinking, growing, one already fitting, long and thin.
SIZES = [(48, 72), (480, 720), (61, 45), (20, 31), (28, 42), (300, 30)]


def opened(file: Path, runtime: RuntimeName) -> ExportedPredictor:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    return ExportedPredictor(file, runtime, "fp32")


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
@pytest.mark.parametrize("interpolation", ["cubic", "bilinear", "antialiased"])
@pytest.mark.parametrize("normalisation", [UNCHANGED, IMAGENET])
def test_predict__brings_pictures_to_size_and_back_as_the_model_does(
    runtime: RuntimeName, interpolation: Interpolation, normalisation: Normalisation, tmp_path: Path
) -> None:
    said = description(interpolation=interpolation, kind=DepthKind.AFFINE_DISPARITY)
    predictor = opened(write_echo(tmp_path / "a.onnx", said, normalisation), runtime)
    for size in SIZES:
        picture = photo(*size, 1)
        seen = network_input(picture, said.preprocessing, normalisation).mean(dim=0)
        expected = functional.interpolate(seen[None, None], size, mode="bilinear", align_corners=True)[0, 0]
        depth = predictor.predict(picture)
        assert depth.values.dtype == np.float32
        np.testing.assert_allclose(depth.values, expected.numpy(), atol=2e-4)
        assert depth.kind is DepthKind.AFFINE_DISPARITY


def test_predict__squashes_where_the_model_does(tmp_path: Path) -> None:
    said = description(keep_aspect=False)
    predictor = opened(write_echo(tmp_path / "a.onnx", said), "onnx")
    seen = network_input(photo(30, 90, 1), said.preprocessing, UNCHANGED)
    assert seen.shape == (3, 28, 28)
    expected = functional.interpolate(seen.mean(dim=0)[None, None], (30, 90), mode="bilinear", align_corners=True)
    np.testing.assert_allclose(predictor.predict(photo(30, 90, 1)).values, expected[0, 0].numpy(), atol=2e-4)


def test_predict_batch__keeps_the_order_of_mixed_sizes(tmp_path: Path) -> None:
    predictor = opened(write_echo(tmp_path / "a.onnx", description()), "onnx")
    pictures = [np.full((*size, 3), 51 * (index + 1), np.uint8) for index, size in enumerate(((28, 28), (40, 30), (28, 28)))]
    for index, (depth, picture) in enumerate(zip(predictor.predict_batch(pictures), pictures, strict=True)):
        assert depth.values.shape == picture.shape[:2]
        np.testing.assert_allclose(depth.values, 0.2 * (index + 1), atol=1e-5)


@pytest.mark.parametrize("interpolation", ["cubic", "bilinear", "antialiased"])
def test_predict__has_confidence_within_bounds(interpolation: Interpolation, tmp_path: Path) -> None:
    said = description(has_confidence=True, interpolation=interpolation)
    predictor = opened(write_echo(tmp_path / "a.onnx", said, Normalisation(mean=(0.5,) * 3, std=(0.1,) * 3)), "onnx")
    confidence = predictor.predict(photo(45, 61, 1)).confidence
    assert confidence is not None
    assert (confidence.min(), confidence.max()) == (0.0, 1.0)


def test_predict__metres_are_valid_where_positive(tmp_path: Path) -> None:
    picture = np.zeros((28, 28, 3), np.uint8)
    picture[:, 14:] = 255
    metric = opened(write_echo(tmp_path / "a.onnx", description()), "onnx").predict(picture)
    assert not metric.valid[:, 0].any()
    assert metric.valid[:, -1].all()
    said = description(kind=DepthKind.AFFINE_DISPARITY)
    assert opened(write_echo(tmp_path / "b.onnx", said), "onnx").predict(picture).valid.all()


def test_predict__pixels_of_disparity_are_those_of_the_pictures_width(tmp_path: Path) -> None:
    said = description(kind=DepthKind.STEREO_DISPARITY, interpolation="antialiased")
    depth = opened(write_echo(tmp_path / "a.onnx", said), "onnx").predict(np.full((56, 84, 3), 51, np.uint8))
    network_width = network_input(photo(56, 84, 1), said.preprocessing, UNCHANGED).shape[2]
    assert network_width != 84
    np.testing.assert_allclose(depth.values, np.full((56, 84), 0.2 * 84 / network_width), rtol=1e-5)


@pytest.mark.parametrize("interpolation", ["cubic", "bilinear", "antialiased"])
def test_predict__a_file_for_one_size_refuses_others(interpolation: Interpolation, tmp_path: Path) -> None:
    said = description(size_px=(40, 50), interpolation=interpolation)
    predictor = opened(write_echo(tmp_path / "a.onnx", said), "onnx")
    assert predictor.predict(photo(40, 50, 1)).values.shape == (40, 50)
    with pytest.raises(DataError, match="40x50, the one size"):
        predictor.predict(photo(50, 40, 1))


def test_description__is_json_and_says_where_the_file_came_from(tmp_path: Path) -> None:
    predictor = opened(write_echo(tmp_path / "a.onnx", description()), "onnx")
    said = json.loads(json.dumps(predictor.description))
    assert said["exported_from"] == "echo"
    assert said["runtime"] == "onnx"
    assert said["unit"] == "m"
    assert predictor.device == torch.device("cpu")
    assert predictor.preprocessing.input_size == 28


def test_exported_predictor__refuses_an_openvino_file_for_onnx(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--runtime openvino"):
        ExportedPredictor(tmp_path / "a.xml", "onnx", "fp32")


def test_is_exported__by_its_ending() -> None:
    assert is_exported("a.onnx")
    assert is_exported(Path("b.XML"))
    assert not is_exported("runs/a")


def test_predict__in_bf16_keeps_float32_at_both_ends_of_every_size(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    predictor = ExportedPredictor(write_echo(tmp_path / "a.onnx", description()), "openvino", "bf16")
    for size in ((48, 72), (61, 45)):
        predictor.predict(photo(*size, 1))
    assert isinstance(predictor._session, OpenVinoSession)
    assert [len(chain) for chain in predictor._session._compiled.values()] == [3, 3]
