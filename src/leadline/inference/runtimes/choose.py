# SPDX-License-Identifier: Apache-2.0
"""What a user named as MODEL and runtime enters; a predictor, and in one sentence which runtime it uses and why, leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from leadline.contracts.errors import UsageError
from leadline.inference.device import choose_device, choose_precision
from leadline.inference.predictor import Predictor, load
from leadline.inference.runtimes.cache import graph_place
from leadline.inference.runtimes.exported_predictor import ExportedPredictor, is_exported
from leadline.inference.runtimes.extras import is_installed
from leadline.inference.runtimes.served_predictor import ServedPredictor
from leadline.inference.runtimes.sessions import ENDINGS, RuntimeName, RuntimePrecision
from leadline.inference.runtimes.trial import PACKAGES, try_runtimes, wanted_precision

Runtime = Literal["auto", "torch", "onnx", "openvino"]
# Writing, compiling and trying a graph takes some ten seconds, once; it saves some tenths of a second a picture.
WORTH_A_GRAPH = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeRequest:
    """What to open and how, as the command line says it."""

    source: str
    """MODEL: whatever ``load`` takes, or an exported ``.onnx`` or ``.xml``."""
    runtime: Runtime = "auto"
    """torch, onnx, openvino, or auto."""
    device: str = "auto"
    """As for ``load``."""
    precision: str = "auto"
    """As for ``load``."""
    architecture: str | None = None
    """As for ``load``."""
    input_size: int | None = None
    """As for ``load``."""
    pictures: int = 1
    """How many there are to predict: for a few, no graph is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """A predictor, with the sentence that says what it runs on and why."""

    predictor: Predictor | ExportedPredictor
    reason: str


def open_predictor(request: RuntimeRequest) -> Chosen:
    """Open a MODEL on the runtime asked for, or on the fastest correct one.

    Raises:
        UsageError: a runtime, device or precision that does not exist or cannot serve this MODEL.
        WeightsError, DataError: the MODEL is missing or damaged.
        MissingExtraError: a runtime asked for by name is not installed.
    """
    if request.runtime not in get_args(Runtime):
        raise UsageError(
            expected=f"a runtime of {', '.join(get_args(Runtime))}", got=repr(request.runtime), remedy="use auto"
        )
    if is_exported(request.source):
        return _open_exported(request)
    plain = load(
        request.source,
        device=request.device,
        precision=request.precision,
        architecture=request.architecture,
        input_size=request.input_size,
    )
    return choose(plain, request)


def choose(plain: Predictor, request: RuntimeRequest) -> Chosen:
    """``plain`` itself, or its network on another runtime; errors as for ``open_predictor``."""
    if request.runtime == "torch":
        return Chosen(predictor=plain, reason="torch, as asked for")
    if plain.device.type != "cpu":
        if request.runtime != "auto":
            raise UsageError(
                expected="--device cpu with this runtime", got=str(plain.device), remedy="use --runtime torch on a GPU"
            )
        return Chosen(predictor=plain, reason=f"torch: {plain.device.type} is its home")
    if request.runtime != "auto":
        _refuse_bf16(request.runtime, request.precision)
        precision = wanted_precision(request.runtime, plain)
        served = ServedPredictor(plain, request.runtime, precision)
        return Chosen(predictor=served, reason=f"{request.runtime} in {precision}, as asked for")
    return _fastest(plain, request.pictures)


def _fastest(plain: Predictor, pictures: int) -> Chosen:
    installed = [package for package in PACKAGES.values() if is_installed(package)]
    if not installed or not is_installed("onnxscript"):
        return Chosen(predictor=plain, reason="torch: the extra export, which brings faster runtimes, is not installed")
    if pictures < WORTH_A_GRAPH and not graph_place(plain.model).is_dir():
        reason = f"torch: another runtime pays from {WORTH_A_GRAPH} pictures on"
        return Chosen(predictor=plain, reason=reason)
    best, *others = try_runtimes(plain)
    slower = ", ".join(f"{one.runtime} {one.precision} {one.seconds * 1000:.0f}" for one in others)
    reason = f"{best.runtime} in {best.precision}: {best.seconds * 1000:.0f} ms a picture on trial"
    reason += f" ({slower})" if slower else ""
    if best.runtime == "torch":
        return Chosen(predictor=plain, reason=reason)
    return Chosen(predictor=ServedPredictor(plain, best.runtime, best.precision), reason=reason)


def _open_exported(request: RuntimeRequest) -> Chosen:
    for flag, value in (("--architecture", request.architecture), ("--input-size", request.input_size)):
        if value is not None:
            raise UsageError(
                expected=f"no {flag} with an exported file", got=f"{flag} {value}", remedy="leave it out: the file knows"
            )
    if request.runtime == "torch" or choose_device("cpu" if request.device == "auto" else request.device).type != "cpu":
        raise UsageError(
            expected="onnx or openvino, on the CPU, for an exported file",
            got=f"--runtime {request.runtime} --device {request.device}",
            remedy="leave both out",
        )
    file = Path(request.source)
    runtime: RuntimeName
    if request.runtime != "auto":
        runtime, why = request.runtime, "as asked for"
    elif file.suffix.lower() == ENDINGS["openvino"]:
        runtime, why = "openvino", "which this file is for"
    elif is_installed("openvino"):
        runtime, why = "openvino", "which is the faster of those that read it"
    else:
        runtime, why = "onnx", "since openvino is not installed"
    _refuse_bf16(runtime, request.precision)
    wants_bf16 = choose_precision(request.precision, torch.device("cpu")) is torch.bfloat16
    precision: RuntimePrecision = "bf16" if runtime == "openvino" and wants_bf16 else "fp32"
    return Chosen(predictor=ExportedPredictor(file, runtime, precision), reason=f"{runtime} in {precision}, {why}")


def _refuse_bf16(runtime: Runtime, precision: str) -> None:
    if runtime == "onnx" and precision == "bf16":
        raise UsageError(
            expected="--precision fp32 or auto with --runtime onnx",
            got="bf16",
            remedy="use --runtime openvino, whose CPU kernels know bf16",
        )
