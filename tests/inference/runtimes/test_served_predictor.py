# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.inference.predictor import Predictor
from leadline.inference.preprocess import network_input
from leadline.inference.runtimes.served_predictor import ServedPredictor
from leadline.inference.runtimes.sessions import RuntimeName
from leadline.models.head_config import RelativeHeadConfig
from tests.inference.runtimes.test_traced_network import toy
from tests.reference_photo import photo


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_served_predictor__runs_the_graph_with_the_predictors_own_preparation(
    runtime: RuntimeName, echo_cache: list[Path]
) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    plain = Predictor(toy(RelativeHeadConfig()), device="cpu", precision="fp32", input_size=28, source="runs/a")
    served = ServedPredictor(plain, runtime, "fp32")
    pictures = [photo(28, 42, 1), photo(28, 28, 2), photo(28, 42, 3)]
    for depth, picture in zip(served.predict_batch(pictures), pictures, strict=True):
        expected = network_input(picture, plain.preprocessing, plain.model.normalisation).mean(dim=0).numpy()
        np.testing.assert_allclose(depth.values, expected, atol=1e-5)
    assert served.description["runtime"] == runtime
    assert served.description["model"] == "runs/a"
    assert len(echo_cache) == 1


def test_served_predictor__can_be_resized_like_any(echo_cache: list[Path]) -> None:
    pytest.importorskip("onnxruntime")
    plain = Predictor(toy(RelativeHeadConfig()), device="cpu", precision="fp32", input_size=28)
    served = ServedPredictor(plain, "onnx", "fp32").resized(56)
    assert served.predict(photo(40, 40, 1)).values.shape == (40, 40)
    assert served.preprocessing.input_size == 56
    assert echo_cache
