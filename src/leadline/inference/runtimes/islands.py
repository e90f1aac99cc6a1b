# SPDX-License-Identifier: Apache-2.0
"""An OpenVINO graph of one size enters; a chain that computes the same, with float32 ends around its bf16, leaves.

Measured with real weights on real pictures, ViT-S: of the decoder's error in bf16 (99th percentile 0.7 to 1.8 % of the map's
range) nearly all comes from the last 3x3 convolution and what follows it; with those in float32, 0.2 % remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leadline.inference.runtimes.traced_network import IMAGE, PRECISE


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One graph of the chain.

    Attributes:
        graph: an ``openvino.Model``.
        is_exact: whether it must run in float32.
        takes: names of its inputs, of the stage before it; "" is the input of the chain.
        gives: names of its outputs, in order.
    """

    graph: Any
    is_exact: bool
    takes: tuple[str, ...]
    gives: tuple[str, ...]


def stages(graph: Any) -> list[Stage]:
    """Cut where our names are: before ``IMAGE`` and after the ``PRECISE`` tensors; one stage where there are none.

    Args:
        graph: an ``openvino.Model`` with one input of a fixed shape.
    """
    from openvino.passes import ConstantFolding, Manager

    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(graph)  # sizes become constants: else both sides of a cut would need the picture
    results = tuple(f"result {index}" for index in range(len(graph.outputs)))
    names = tuple(sorted(name for name in _tensors(graph) if name.rpartition("/")[2].startswith(PRECISE)))
    if not names:
        return [Stage(graph=graph, is_exact=False, takes=("",), gives=results)]
    parts: list[Stage] = []
    begins = ("",)
    if _tensors(graph)[IMAGE].get_node().get_type_name() != "Parameter":
        parts.append(Stage(graph=_part(graph, begins, (IMAGE,)), is_exact=True, takes=begins, gives=(IMAGE,)))
        begins = (IMAGE,)
    parts.append(Stage(graph=_part(graph, begins, names), is_exact=False, takes=begins, gives=names))
    parts.append(Stage(graph=_part(graph, names, ()), is_exact=True, takes=names, gives=results))
    return parts


def fix_tensor(graph: Any, name: str, values: Sequence[int]) -> None:
    """Let what reads the tensor called ``name`` read these int64 values instead; nothing where there is no such tensor."""
    import numpy as np
    from openvino import opset13

    port = _tensors(graph).get(name)
    if port is not None:
        constant = opset13.constant(np.array(values, np.int64))
        for target in port.get_target_inputs():
            target.replace_source_output(constant.output(0))


def _part(whole: Any, takes: Sequence[str], gives: Sequence[str]) -> Any:
    """The nodes between tensors; no names mean the graph's own ends."""
    from openvino import Model, opset13

    graph = whole.clone()
    tensors = _tensors(graph)
    parameters = list(graph.get_parameters()) if tuple(takes) == ("",) else []
    results = [opset13.result(tensors[name]) for name in gives] or list(graph.get_results())
    for name in takes:
        if name:
            port = tensors[name]
            parameter = opset13.parameter(port.get_partial_shape(), port.get_element_type())
            for target in port.get_target_inputs():
                target.replace_source_output(parameter.output(0))
            parameters.append(parameter)
    return Model(results, parameters)


def _tensors(graph: Any) -> dict[str, Any]:
    return {name: port for node in graph.get_ordered_ops() for port in node.outputs() for name in port.get_names()}
