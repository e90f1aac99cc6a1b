# SPDX-License-Identifier: Apache-2.0
"""A graph that stands in for a network: its depth is the mean of what it is shown, so that sizes can be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.export.picture_graph import GRAPH_RESIZES, save, surround
from leadline.inference.preprocess import PreprocessSettings
from leadline.inference.runtimes.portable_description import PortableDescription
from leadline.inference.runtimes.traced_network import OPSET
from leadline.models.config import Interpolation
from leadline.models.normalisation import Normalisation

UNCHANGED = Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def description(
    *,
    size_px: tuple[int, int] | None = None,
    interpolation: Interpolation = "cubic",
    has_confidence: bool = False,
    keep_aspect: bool = True,
    kind: DepthKind = DepthKind.METRIC,
) -> PortableDescription:
    settings = PreprocessSettings(
        input_size=28,
        multiple=14,
        keep_aspect=keep_aspect,
        interpolation=interpolation,
    )
    return PortableDescription(
        kind=kind,
        preprocessing=settings,
        resizes=interpolation in GRAPH_RESIZES,
        has_confidence=has_confidence,
        size_px=size_px,
        model="echo",
        model_sha256="0",
        architecture={"encoder": "echo"},
    )


def echo_network(*, has_confidence: bool = False) -> Any:
    """(B,3,h,w) -> depth (B,h,w): the mean over the channels [, confidence: the same]."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    nodes = [
        helper.make_node("Identity", ["image"], ["precise_0"]),
        helper.make_node("ReduceMean", ["precise_0", "axis"], ["depth"], keepdims=0),
    ]
    names = ["depth"]
    if has_confidence:
        nodes.append(helper.make_node("Identity", ["depth"], ["confidence"]))
        names.append("confidence")
    floats = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "echo",
        [helper.make_tensor_value_info("image", floats, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info(name, floats, ["b", "h", "w"]) for name in names],
        [helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def write_echo(file: Path, said: PortableDescription, normalisation: Normalisation = UNCHANGED) -> Path:
    """The echo as ``leadline export`` would have written it."""
    save(surround(echo_network(has_confidence=said.has_confidence), said, normalisation), file, beside=False)
    return file
