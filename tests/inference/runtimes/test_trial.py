# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

import leadline.inference.runtimes.trial as trial
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.cache import graph_place
from leadline.inference.runtimes.trial import Measured, try_runtimes, wanted_precision
from leadline.models.head_config import RelativeHeadConfig
from tests.inference.runtimes.test_traced_network import toy


def plain(precision: str = "fp32") -> Predictor:
    return Predictor(toy(RelativeHeadConfig()), device="cpu", precision=precision, input_size=28)


def test_try_runtimes__leaves_out_what_does_not_agree(echo_cache: list[Path]) -> None:
    pytest.importorskip("onnxruntime")
    outcome = try_runtimes(plain())  # the echo says something else than the model
    assert [one.runtime for one in outcome] == ["torch"]
    assert outcome[0].mean_difference == 0.0
    assert echo_cache


def test_try_runtimes__remembers_what_it_measured(echo_cache: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    first = try_runtimes(plain())
    monkeypatch.setattr(trial, "_measure", lambda *_: pytest.fail("measured again"))
    assert try_runtimes(plain()) == first
    assert echo_cache
    (file,) = graph_place(plain().model).glob("trial-fp32-28-*.json")
    assert file.is_file()


def test_try_runtimes__puts_the_fastest_first(echo_cache: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    seconds = {"torch": 3.0, "onnx": 2.0, "openvino": 1.0}

    def timed(_predictor: object, _image: object, _exact: object, runtime: str, precision: str) -> Measured:
        return Measured(
            runtime=runtime,  # type: ignore[arg-type]
            precision=precision,  # type: ignore[arg-type]
            seconds=seconds[runtime],
            mean_difference=0.0,
        )

    monkeypatch.setattr(trial, "_time", timed)
    assert [one.runtime for one in try_runtimes(plain("bf16"))] == ["openvino", "onnx", "torch"]
    assert echo_cache


def test_wanted_precision__only_openvino_follows_to_bf16() -> None:
    rough = plain("bf16")
    assert rough.dtype is torch.bfloat16
    assert wanted_precision("openvino", rough) == "bf16"
    assert wanted_precision("onnx", rough) == "fp32"
    assert wanted_precision("openvino", plain()) == "fp32"
