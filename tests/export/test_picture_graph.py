# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leadline.export.picture_graph import halve_weights, surround
from leadline.inference.preprocess import network_size
from leadline.inference.runtimes.sessions import NETWORK_SHAPE
from tests.portable_echo import UNCHANGED, description, echo_network


def test_surround__computes_the_size_rule_in_the_graph_as_python_does(tmp_path: Path) -> None:
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    said = description()
    graph = surround(echo_network(), said, UNCHANGED)
    graph.graph.output.append(onnx.helper.make_tensor_value_info(NETWORK_SHAPE, onnx.TensorProto.INT64, [4]))
    onnx.save_model(graph, str(tmp_path / "a.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    sizes = [
        (side, round(side * aspect)) for side in (12, 17, 28, 48, 96, 101) for aspect in (0.5, 1, 1.25, 4 / 3, 1.5, 16 / 9)
    ]
    for size in sizes:
        (found,) = session.run([NETWORK_SHAPE], {"picture": np.zeros((2, *size, 3), np.uint8)})
        assert tuple(found) == (2, 3, *network_size(*size, said.preprocessing)), size


def test_surround__a_valid_graph_that_says_what_it_is() -> None:
    onnx = pytest.importorskip("onnx")
    for said in (
        description(),
        description(size_px=(40, 50)),
        description(interpolation="antialiased", has_confidence=True),
    ):
        graph = surround(echo_network(has_confidence=said.has_confidence), said, UNCHANGED)
        onnx.checker.check_model(graph, full_check=True)
        assert graph.metadata_props[0].value == said.to_json()
        names = [one.name for one in graph.graph.output]
        assert names == (["depth", "confidence"] if said.has_confidence else ["depth"])


def test_surround__of_one_size_takes_the_networks_where_the_loader_resizes() -> None:
    pytest.importorskip("onnx")
    graph = surround(echo_network(), description(size_px=(40, 50), interpolation="antialiased"), UNCHANGED)
    shape = [dimension.dim_value for dimension in graph.graph.input[0].type.tensor_type.shape.dim]
    assert shape == [1, 28, 28, 3]  # 35, half-way between 28 and 42, is two and a half times 14 and goes to the even count


def test_halve_weights__stores_large_tensors_in_half_and_leaves_the_rest() -> None:
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = np.linspace(0, 1, 2048).astype(np.float32)
    small = np.ones(4, np.float32)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "weights"], ["y"]), helper.make_node("Add", ["s", "small"], ["t"])],
        "g",
        [value("x", 1, [2048]), value("s", 1, [4])],
        [value("y", 1, [2048]), value("t", 1, [4])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(small, "small")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    halve_weights(model)
    onnx.checker.check_model(model, full_check=True)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert types == {"weights.half": onnx.TensorProto.FLOAT16, "small": onnx.TensorProto.FLOAT}
