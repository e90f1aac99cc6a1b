# SPDX-License-Identifier: Apache-2.0
"""A predictor enters; seconds per picture and agreement of every runtime there is leave, measured once and remembered."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from leadline.contracts.errors import LeadlineError
from leadline.inference.device import multiplies_bf16
from leadline.inference.predictor import Predictor
from leadline.inference.preprocess import network_input, network_size
from leadline.inference.runtimes.cache import graph_place
from leadline.inference.runtimes.extras import is_installed
from leadline.inference.runtimes.served_predictor import ServedPredictor
from leadline.inference.runtimes.sessions import RuntimeName, RuntimePrecision
from leadline.rasters.atomic import atomically

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

PACKAGES: dict[RuntimeName, str] = {"openvino": "openvino", "onnx": "onnxruntime"}
_TIMED = 3
# Of the range of the float32 map: its mean difference.  In bf16 a runtime may also be as far off as torch's own bf16.
_AGREES: dict[RuntimePrecision, float] = {"fp32": 1e-5, "bf16": 2e-3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One runtime on this machine.

    Attributes:
        runtime: "torch", "onnx" or "openvino".
        precision: of its arithmetic, "fp32" or "bf16".
        seconds: of one forward pass at the network's usual size, the least of three.
        mean_difference: from torch in float32, as a share of the range of that map.
    """

    runtime: Literal["torch", "onnx", "openvino"]
    precision: RuntimePrecision
    seconds: float
    mean_difference: float


def try_runtimes(plain: Predictor) -> tuple[Measured, ...]:
    """Every runtime that is installed and agrees, the fastest first; torch at ``plain``'s own precision is always there.

    The outcome is kept beside the model's graph, and forgotten with other versions, another processor or another size.

    Args:
        plain: on the CPU.
    """
    wanted: RuntimePrecision = "bf16" if plain.dtype is torch.bfloat16 else "fp32"
    side_px = plain.preprocessing.input_size
    name = f"trial-{wanted}-{side_px}-{_circumstances()}.json"
    file = graph_place(plain.model) / name
    if file.is_file():
        return tuple(Measured(**one) for one in json.loads(file.read_text(encoding="utf-8")))
    outcome = _measure(plain, wanted)
    if file.parent.is_dir():
        with atomically(file) as temporary:
            temporary.write_text(json.dumps([asdict(one) for one in outcome]), encoding="utf-8")
    return outcome


def wanted_precision(runtime: RuntimeName, plain: Predictor) -> RuntimePrecision:
    """What a runtime computes in where the predictor's precision is asked for; ONNX Runtime has float32 only."""
    return "bf16" if runtime == "openvino" and plain.dtype is torch.bfloat16 else "fp32"


def _measure(plain: Predictor, wanted: RuntimePrecision) -> tuple[Measured, ...]:
    image = _example(plain)
    exact = Predictor(plain.model, device="cpu", precision="fp32").run_network(image)[0]
    own = _time(plain, image, exact, "torch", wanted)
    found = [own]
    limit = max(_AGREES[wanted], own.mean_difference)
    for runtime, package in PACKAGES.items():
        if not is_installed(package):
            continue
        precision = wanted_precision(runtime, plain)
        try:
            one = _time(ServedPredictor(plain, runtime, precision), image, exact, runtime, precision)
        except LeadlineError as error:
            logger.warning("%s is left out: %s", runtime, error)
            continue
        if one.mean_difference <= limit:
            found.append(one)
        else:
            logger.warning("%s is left out: it differs by %.1e on average", runtime, one.mean_difference)
    return tuple(sorted(found, key=lambda one: one.seconds))


def _time(
    predictor: Predictor,
    image: Tensor,
    exact: Tensor,
    runtime: Literal["torch", "onnx", "openvino"],
    precision: RuntimePrecision,
) -> Measured:
    depth = predictor.run_network(image)[0]
    seconds = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        predictor.run_network(image)[0]
        seconds.append(time.perf_counter() - start)
    spread = float(exact.max() - exact.min()) or 1.0
    difference = float((depth - exact).abs().mean()) / spread
    return Measured(runtime=runtime, precision=precision, seconds=min(seconds), mean_difference=difference)


def _example(plain: Predictor) -> Tensor:
    """(1, 3, h, w), a smooth picture at the network's usual size, normalised."""
    side_px = plain.preprocessing.input_size
    size = network_size(side_px, side_px, plain.preprocessing)
    coarse = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    smooth = functional.interpolate(coarse, size, mode="bicubic", align_corners=False)[0].clamp(0, 1)
    picture = (255 * smooth).to(torch.uint8).permute(1, 2, 0).numpy()
    return network_input(picture, plain.preprocessing, plain.model.normalisation)[None]


def _circumstances() -> str:
    """Short name of the versions and the processor on which a measurement depends."""
    parts = [platform.processor(), platform.machine(), str(torch.get_num_threads())]
    parts.append(str(multiplies_bf16(torch.device("cpu"))))
    parts += [f"{package} {version(package)}" for package in ("torch", *PACKAGES.values()) if is_installed(package)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]
