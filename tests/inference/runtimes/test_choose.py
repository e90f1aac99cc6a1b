# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

import leadline.inference.runtimes.choose as choosing
from leadline.contracts.errors import UsageError
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.choose import WORTH_A_GRAPH, RuntimeRequest, open_predictor
from leadline.inference.runtimes.exported_predictor import ExportedPredictor
from leadline.inference.runtimes.served_predictor import ServedPredictor
from leadline.inference.runtimes.trial import Measured
from leadline.models.head_config import RelativeHeadConfig
from leadline.models.weights import save_model
from tests.inference.runtimes.test_traced_network import toy
from tests.portable_echo import description, write_echo


@pytest.fixture
def model(tmp_path: Path) -> str:
    save_model(tmp_path / "model", toy(RelativeHeadConfig()))
    return str(tmp_path / "model")


def request(source: str | Path, **others: object) -> RuntimeRequest:
    return RuntimeRequest(source=str(source), **{"device": "cpu", **others})  # type: ignore[arg-type]


def test_open_predictor__for_a_few_pictures_writes_no_graph(model: str, echo_cache: list[Path]) -> None:
    pytest.importorskip("onnxruntime")
    chosen = open_predictor(request(model, pictures=WORTH_A_GRAPH - 1))
    assert type(chosen.predictor) is Predictor
    assert f"from {WORTH_A_GRAPH} pictures on" in chosen.reason
    assert not echo_cache


def test_open_predictor__for_many_takes_what_the_trial_found(
    model: str, echo_cache: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    fast = Measured(runtime="openvino", precision="fp32", seconds=0.1, mean_difference=0.0)
    slow = Measured(runtime="torch", precision="bf16", seconds=0.2, mean_difference=0.0)
    monkeypatch.setattr(choosing, "try_runtimes", lambda _plain: (fast, slow))
    chosen = open_predictor(request(model, pictures=WORTH_A_GRAPH))
    assert isinstance(chosen.predictor, ServedPredictor)
    assert chosen.reason == "openvino in fp32: 100 ms a picture on trial (torch bf16 200)"
    assert echo_cache
    again = open_predictor(request(model, pictures=1))  # the graph is there now
    assert isinstance(again.predictor, ServedPredictor)
    monkeypatch.setattr(choosing, "try_runtimes", lambda _plain: (slow, fast))
    assert type(open_predictor(request(model, pictures=WORTH_A_GRAPH)).predictor) is Predictor


def test_open_predictor__without_the_extra_is_torch(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "is_installed", lambda _package: False)
    assert "extra export" in open_predictor(request(model, pictures=1000)).reason


def test_open_predictor__takes_the_runtime_asked_for(model: str, echo_cache: list[Path]) -> None:
    pytest.importorskip("onnxruntime")
    assert type(open_predictor(request(model, runtime="torch")).predictor) is Predictor
    chosen = open_predictor(request(model, runtime="onnx", precision="fp32"))
    assert isinstance(chosen.predictor, ServedPredictor)
    assert chosen.reason == "onnx in fp32, as asked for"
    assert echo_cache


def test_open_predictor__opens_exported_files(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    file = write_echo(tmp_path / "a.onnx", description())
    chosen = open_predictor(request(file, precision="fp32"))
    assert isinstance(chosen.predictor, ExportedPredictor)
    assert (chosen.predictor.runtime, chosen.predictor.precision) == ("openvino", "fp32")
    named = open_predictor(request(file, runtime="onnx")).predictor
    assert isinstance(named, ExportedPredictor)
    assert (named.runtime, named.precision) == ("onnx", "fp32")


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({"runtime": "tpu"}, "a runtime of auto"),
        ({"runtime": "torch"}, "for an exported file"),
        ({"architecture": "depth-anything-v2-small"}, "no --architecture"),
        ({"input_size": 28}, "no --input-size"),
        ({"runtime": "onnx", "precision": "bf16"}, "--runtime openvino"),
    ],
)
def test_open_predictor__refuses_what_an_exported_file_cannot(others: dict[str, object], named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=named):
        open_predictor(request(tmp_path / "a.onnx", **others))


def test_open_predictor__onnx_has_no_bf16(model: str) -> None:
    with pytest.raises(UsageError, match="--precision fp32 or auto"):
        open_predictor(request(model, runtime="onnx", precision="bf16"))
