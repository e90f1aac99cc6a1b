# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.export.certificate import (
    Check,
    Tolerance,
    certificate_of,
    companions,
    sha256_of,
    sha256_of_tensors,
    write_certificate,
)

CHECK = Check(
    picture="random 0",
    size_px=(40, 50),
    runtime="onnx",
    max_difference=1e-4,
    mean_difference=1e-6,
    p99_difference=1e-5,
    max_difference_ulps=500.0,
    max_confidence_difference=1e-5,
)
TOLERANCE = Tolerance(max_difference=1e-3, p99_difference=1e-4, mean_difference=1e-5, rounding_ulps=16)


def test_require__lets_pass_what_is_within() -> None:
    TOLERANCE.require([CHECK, replace(CHECK, max_confidence_difference=None)])


@pytest.mark.parametrize(
    "worse",
    [
        {"max_difference": 2e-3},
        {"p99_difference": 2e-4},
        {"mean_difference": 2e-5},
        {"max_confidence_difference": 2e-3},
        {"mean_difference": float("nan")},
    ],
)
def test_require__refuses_each_number_that_is_not(worse: dict[str, float]) -> None:
    with pytest.raises(ContractError, match=r"random 0, 40x50, by onnx; the file was removed"):
        TOLERANCE.require([CHECK, replace(CHECK, **worse)])  # type: ignore[arg-type]


@pytest.mark.parametrize("flat", [{"max_difference": 2e-3}, {"p99_difference": 2e-4}, {"mean_difference": 2e-5}])
def test_require__lets_pass_what_is_float32s_rounding_alone(flat: dict[str, float]) -> None:
    TOLERANCE.require([replace(CHECK, max_difference_ulps=16.0, **flat)])  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="or 17 roundings of float32"):
        TOLERANCE.require([replace(CHECK, max_difference_ulps=16.6, **flat)])  # type: ignore[arg-type]


def test_require__rounding_of_the_depth_excuses_no_confidence() -> None:
    with pytest.raises(ContractError):
        TOLERANCE.require([replace(CHECK, max_difference_ulps=0.0, max_confidence_difference=2e-3)])


def test_write_certificate__is_the_same_twice_and_hashes_every_part(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_bytes(b"graph")
    (tmp_path / "a.bin").write_bytes(b"weights")
    path = write_certificate(file, {"kind": "metric"}, [CHECK], TOLERANCE)
    first = path.read_text()
    assert path == certificate_of(file) == tmp_path / "a.xml.certificate.json"
    assert write_certificate(file, {"kind": "metric"}, [CHECK], TOLERANCE).read_text() == first
    said = json.loads(first)
    assert said["sha256"] == {"a.xml": sha256_of(file), "a.bin": sha256_of(tmp_path / "a.bin")}
    assert said["max_difference"] == 1e-4
    assert said["checks"][0]["size_px"] == [40, 50]
    assert said["versions"]["torch"]
    assert said["graph"] == {"kind": "metric"}


def test_companions__are_the_weights_beside_a_graph() -> None:
    assert companions(Path("d/a.xml")) == (Path("d/a.bin"),)
    assert companions(Path("d/a.onnx")) == (Path("d/a.onnx.data"),)


def test_sha256_of_tensors__depends_on_names_shapes_and_values_alone() -> None:
    a, b = torch.arange(4.0), torch.ones(2)
    known = sha256_of_tensors({"a": a, "b": b})
    assert sha256_of_tensors({"b": b, "a": a}) == known
    assert sha256_of_tensors({"a": a.view(2, 2), "b": b}) != known
    assert sha256_of_tensors({"a": a, "c": b}) != known
    assert sha256_of_tensors({"a": a + 1, "b": b}) != known
