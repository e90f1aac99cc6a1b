# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.inference.runtimes.islands import fix_tensor, stages
from leadline.inference.runtimes.sessions import NETWORK_SHAPE, OpenVinoSession
from tests.portable_echo import description, write_echo


def graph_of(file: Path) -> Any:
    openvino = pytest.importorskip("openvino")
    graph = openvino.Core().read_model(str(file))
    fix_tensor(graph, NETWORK_SHAPE, (1, 3, 28, 42))
    graph.reshape([1, 60, 90, 3])
    return graph


def test_stages__are_exact_at_both_ends_of_a_whole_graph(tmp_path: Path) -> None:
    chain = stages(graph_of(write_echo(tmp_path / "a.onnx", description(has_confidence=True))))
    assert [stage.is_exact for stage in chain] == [True, False, True]
    assert [stage.takes for stage in chain] == [("",), ("image",), ("network/precise_0",)]
    assert chain[-1].gives == ("result 0", "result 1")


def test_stages__of_a_graph_without_our_names_are_one(tmp_path: Path) -> None:
    onnx, openvino = pytest.importorskip("onnx"), pytest.importorskip("openvino")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["a"], ["b"])], "g", [value("a", 1, [2])], [value("b", 1, [2])]
    )
    onnx.save_model(onnx.helper.make_model(graph, ir_version=10), str(tmp_path / "g.onnx"))
    chain = stages(openvino.Core().read_model(str(tmp_path / "g.onnx")))
    assert len(chain) == 1
    assert not chain[0].is_exact


def test_chain__in_bf16_brings_pictures_to_size_and_back_exactly(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    file = write_echo(tmp_path / "a.onnx", description())
    picture = np.random.default_rng(0).integers(0, 256, (1, 60, 90, 3), np.uint8)
    maps = []
    for precision in ("fp32", "bf16"):
        session = OpenVinoSession(file, precision)
        session.know_network_shape(lambda shape: (shape[0], 3, 28, 42))
        maps.append(session.run(picture)[0])
    np.testing.assert_allclose(maps[1], maps[0], atol=5e-3)  # one rounding to bf16 between the ends
