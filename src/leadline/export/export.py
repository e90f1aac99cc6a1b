# SPDX-License-Identifier: Apache-2.0
"""A predictor and a format enter; a file that gives the same depth without torch, and its certificate, leave; or neither."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from leadline.contracts.errors import UsageError
from leadline.export.certificate import (
    Check,
    Tolerance,
    certificate_of,
    companions,
    sha256_of_tensors,
    write_certificate,
)
from leadline.export.parity import compare, pictures_to_verify
from leadline.export.picture_graph import GRAPH_RESIZES, halve_weights, save, surround
from leadline.inference.predictor import Predictor
from leadline.inference.preprocess import network_size
from leadline.inference.runtimes.exported_predictor import ExportedPredictor
from leadline.inference.runtimes.extras import is_installed, require_package
from leadline.inference.runtimes.portable_description import PortableDescription
from leadline.inference.runtimes.sessions import ENDINGS, METADATA_KEY, RuntimeName
from leadline.inference.runtimes.traced_network import CONFIDENCE, LARGEST_SINGLE_FILE, write_network
from leadline.rasters.atomic import not_written

StoredPrecision = Literal["fp32", "fp16"]
# fp32: rounding in another order, 1e-4 for 99 pixels of 100.  The last one gets ten times as much, because a graph computes
# in float32 from where in its map it enlarges: beside a sharp edge that moves a pixel along the slope.  Depth Anything V2
# small differs by 3e-5 at most on photographs of its own 252x378, and by 4e-4 on the same ones of 681x1024 (p99 2e-5).
# fp16: eleven bits of every weight, within the bounds of bf16 arithmetic.
# Roundings: bins, the least exact of heads, are up to 12 apart, as a sum of 64 products may be.
TOLERANCES: dict[StoredPrecision, Tolerance] = {
    "fp32": Tolerance(max_difference=1e-3, p99_difference=1e-4, mean_difference=1e-5, rounding_ulps=16),
    "fp16": Tolerance(max_difference=5e-2, p99_difference=1e-2, mean_difference=2e-3, rounding_ulps=16),
}

OnCheck = Callable[[Check], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportSettings:
    """What to write, and what to verify it on."""

    to: RuntimeName
    """The format, by the runtime it is for."""
    size_px: tuple[int, int] | None = None
    """(H, W) of the only pictures the file shall take; None for any."""
    precision: StoredPrecision = "fp32"
    """Of the stored weights; arithmetic stays float32 unless the runtime is told otherwise."""
    verify_on: Path | None = None
    """Folder of real pictures to verify on as well; None for procedural scenes and random pictures only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        file: the graph; its companions lie beside it.
        certificate: beside it too.
        checks: what the certificate says.
    """

    file: Path
    certificate: Path
    checks: tuple[Check, ...]


def export(predictor: Predictor, file: Path, settings: ExportSettings, on_check: OnCheck | None = None) -> Exported:
    """Write ``file``, verified against the model, with a certificate beside it.

    Everything happens in a folder beside ``file``; only what passed takes its place.

    Args:
        predictor: in float32, on any device.
        file: its ending must be the format's, ``.onnx`` or ``.xml``.
        settings: format, size, precision, what to verify on.
        on_check: called after each comparison.

    Raises:
        ContractError: the file does not give the model's numbers; nothing is left of it.
        MissingExtraError: a package of the extra ``export`` is not installed.
        UsageError: another ending, or a model that cannot be traced.
        StorageError: the folder cannot be written.
        DataError: a picture to verify on cannot be read.
    """
    for package in ("onnx", "onnxscript", "onnxruntime" if settings.to == "onnx" else "openvino"):
        require_package(package)
    if file.suffix != ENDINGS[settings.to]:
        ending = ENDINGS[settings.to]
        raise UsageError(expected=f"a file that ends in {ending}", got=str(file), remedy=f"e.g. {file.with_suffix(ending)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{file.stem}.", suffix=".partial", dir=file.parent) as folder:
            draft = Path(folder) / file.name
            network = draft.with_name("network.onnx")
            outputs = write_network(predictor.model, network, size_px=_network_size(predictor, settings))
            description = _describe(predictor, settings, has_confidence=CONFIDENCE in outputs)
            _write(predictor, network, draft, description)
            checks = _verify(predictor, draft, settings, on_check)
            write_certificate(draft, _as_json(description), checks, TOLERANCES[settings.precision])
            for part in (*companions(draft), draft, certificate_of(draft)):
                if part.is_file():
                    shutil.move(part, file.parent / part.name)
    except OSError as error:
        raise not_written(f"to write {file}", error) from error
    return Exported(file=file, certificate=certificate_of(file), checks=checks)


def _network_size(predictor: Predictor, settings: ExportSettings) -> tuple[int, int] | None:
    """What the network sees of the one size a file shall take; refuses a size that it could not hold."""
    return None if settings.size_px is None else network_size(*settings.size_px, predictor.preprocessing)


def _describe(predictor: Predictor, settings: ExportSettings, *, has_confidence: bool) -> PortableDescription:
    model = predictor.model
    return PortableDescription(
        kind=model.kind,
        preprocessing=predictor.preprocessing,
        resizes=predictor.preprocessing.interpolation in GRAPH_RESIZES,
        has_confidence=has_confidence,
        size_px=settings.size_px,
        model=str(predictor.description["model"]),
        model_sha256=sha256_of_tensors(model.state_dict()),
        architecture=model.config.to_dict(),
        precision=settings.precision,
    )


def _as_json(description: PortableDescription) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(description.to_json())
    return described


def _write(predictor: Predictor, network: Path, draft: Path, description: PortableDescription) -> None:
    """The whole graph in the format that the ending of ``draft`` names."""
    import onnx

    graph = surround(onnx.load(str(network)), description, predictor.model.normalisation)
    halved = description.precision == "fp16"
    if draft.suffix == ENDINGS["onnx"]:
        if halved:
            halve_weights(graph)
        save(graph, draft, beside=graph.ByteSize() > LARGEST_SINGLE_FILE)
        return
    whole = draft.with_name("whole.onnx")
    save(graph, whole, beside=graph.ByteSize() > LARGEST_SINGLE_FILE)
    import openvino

    # The core's own reader: the converter of the package openvino would report its use to the vendor.
    converted = openvino.Core().read_model(str(whole))
    converted.set_rt_info(description.to_json(), [METADATA_KEY])
    openvino.save_model(converted, str(draft), compress_to_fp16=halved)


def _verify(predictor: Predictor, draft: Path, settings: ExportSettings, on_check: OnCheck | None) -> tuple[Check, ...]:
    runtimes: list[RuntimeName] = [settings.to]
    if settings.to == "onnx" and is_installed("openvino"):
        runtimes.append("openvino")
    exported = [ExportedPredictor(draft, runtime, "fp32") for runtime in runtimes]
    checks = []
    for check in compare(predictor, exported, pictures_to_verify(settings.size_px, settings.verify_on)):
        TOLERANCES[settings.precision].require([check])
        checks.append(check)
        if on_check is not None:
            on_check(check)
    return tuple(checks)
