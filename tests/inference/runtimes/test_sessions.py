# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from leadline.contracts.errors import DataError, MissingExtraError
from leadline.inference.runtimes.sessions import OpenVinoSession, RuntimeName, open_session
from tests.portable_echo import description, write_echo


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_open_session__runs_a_graph_at_several_sizes_and_reads_what_it_says(runtime: RuntimeName, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    session = open_session(write_echo(tmp_path / "a.onnx", description()), runtime, "fp32")
    assert session.metadata == description().to_json()
    session.know_network_shape(lambda shape: (shape[0], 3, 28, 28))
    for size in ((28, 28), (30, 30), (28, 28)):
        (depth,) = session.run(np.full((1, *size, 3), 51, np.uint8))
        assert depth.shape == (1, *size)
        np.testing.assert_allclose(depth, 0.2, atol=1e-6)


def test_open_session__results_stay_as_they_are_when_it_runs_again(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    session = open_session(write_echo(tmp_path / "a.onnx", description()), "openvino", "fp32")
    session.know_network_shape(lambda shape: (shape[0], 3, 28, 28))
    (first,) = session.run(np.full((1, 28, 28, 3), 51, np.uint8))
    session.run(np.full((1, 28, 28, 3), 102, np.uint8))
    np.testing.assert_allclose(first, 0.2, atol=1e-6)


def test_open_vino_session__forgets_the_oldest_size(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    session = OpenVinoSession(write_echo(tmp_path / "a.onnx", description()), "fp32")
    session.know_network_shape(lambda shape: (shape[0], 3, 28, 28))
    for side in range(28, 36):
        session.run(np.zeros((1, side, 28, 3), np.uint8))
    assert [shape[1] for shape in session._compiled] == [30, 31, 32, 33, 34, 35]


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_open_session__refuses_a_file_that_is_missing_or_no_graph(runtime: RuntimeName, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    with pytest.raises(DataError, match="no such file"):
        open_session(tmp_path / "a.onnx", runtime, "fp32")
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(DataError, match=r"graph in .*a\.onnx.*leadline export") as refusal:
        open_session(tmp_path / "a.onnx", runtime, "fp32")
    assert "core.cpp" not in str(refusal.value)  # places in a runtime's own source tell nobody anything


def test_open_session__without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    for runtime in ("onnx", "openvino"):
        with pytest.raises(MissingExtraError, match="leadline"):
            open_session(tmp_path / "a.onnx", runtime, "fp32")
