# SPDX-License-Identifier: Apache-2.0
"""A network's ONNX graph enters; the same with all that surrounds it leaves: 8-bit pictures in, depth at their size out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leadline.inference.preprocess import network_size
from leadline.inference.runtimes.portable_description import PortableDescription
from leadline.inference.runtimes.sessions import METADATA_KEY, NETWORK_SHAPE
from leadline.inference.runtimes.traced_network import CONFIDENCE, DEPTH, IMAGE, OPSET
from leadline.models.normalisation import Normalisation
from leadline.models.position_embedding import CUBIC_A

PICTURE = "picture"
# Averaging is missing: in 8-bit arithmetic it is Pillow's and torchvision's own, no operator of ONNX rounds as they do.
_WAYS: dict[str, dict[str, Any]] = {
    "cubic": {"mode": "cubic", "cubic_coeff_a": CUBIC_A, "coordinate_transformation_mode": "half_pixel"},
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
}
GRAPH_RESIZES = frozenset(_WAYS)
_SMALL = 1024  # values below which storing a tensor in 16 bits saves nothing


def surround(network: Any, description: PortableDescription, normalisation: Normalisation) -> Any:
    """The whole graph, an ``onnx.ModelProto``.

    Args:
        network: ``onnx.ModelProto``: normalised images (B,3,h,w) -> depth (B,h,w) [, confidence (B,h,w)].
        description: what the graph shall be; it is written into it.
        normalisation: applied to pictures in [0, 1].

    Returns:
        ``picture`` (B,H,W,3) uint8 RGB -> ``depth`` (B,H,W) in the model's unit [, ``confidence`` (B,H,W) in [0, 1]].
    """
    import onnx

    outer = _Nodes([], [])
    inner = {name: f"network_{name}" for name in (DEPTH, CONFIDENCE)}
    network = onnx.compose.add_prefix(network, "network/", rename_inputs=False, rename_outputs=False)
    _rename_outputs(network.graph, inner)
    outer.before(description, normalisation)
    start = len(outer.nodes)
    names = (DEPTH, CONFIDENCE) if description.has_confidence else (DEPTH,)
    for name in names:
        outer.after(inner[name], name, description)
    height, width = _input_size(description) or ("height", "width")
    batch = "batch" if description.size_px is None else 1
    graph = onnx.helper.make_graph(
        [*outer.nodes[:start], *network.graph.node, *outer.nodes[start:]],
        "leadline",
        [onnx.helper.make_tensor_value_info(PICTURE, onnx.TensorProto.UINT8, [batch, height, width, 3])],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, height, width]) for name in names],
        [*outer.constants, *network.graph.initializer],
    )
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        functions=list(network.functions),
        producer_name="leadline",
        ir_version=network.ir_version,
    )
    onnx.helper.set_model_props(model, {METADATA_KEY: description.to_json()})
    return model


def halve_weights(model: Any) -> None:
    """Store the large float32 tensors of an ``onnx.ModelProto`` in float16; they are widened when the graph is loaded."""
    import onnx

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < _SMALL:
            continue
        name, values = tensor.name, onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def _rename_outputs(graph: Any, names: dict[str, str]) -> None:
    for node in graph.node:
        for index, output in enumerate(node.output):
            node.output[index] = names.get(output, output)
        for index, given in enumerate(node.input):
            node.input[index] = names.get(given, given)


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Nodes and constants of the graph around a network; every method adds to them."""

    nodes: list[Any]
    constants: list[Any]

    def before(self, description: PortableDescription, normalisation: Normalisation) -> None:
        """``picture`` -> ``image``: to [0, 1], channels first, to the network's size, normalised."""
        import onnx

        pixels = self.add("Cast", PICTURE, to=onnx.TensorProto.FLOAT)
        image = self.add("Transpose", self.add("Div", pixels, self.constant(np.float32(255))), perm=[0, 3, 1, 2])
        if description.resizes:
            batch, height, width = self._sizes(PICTURE, (0, 1, 2))
            three = self.constant(np.array([3], np.int64))
            sides = self._network_size(height, width, description)
            size = self.add("Concat", batch, three, *sides, axis=0, output=NETWORK_SHAPE)
            way = _WAYS[description.preprocessing.interpolation]
            image = self.add("Resize", image, "", "", size, **way)
        mean, std = (self.constant(np.array(one, np.float32).reshape(1, 3, 1, 1)) for one in _pair(normalisation))
        self.add("Div", self.add("Sub", image, mean), std, output=IMAGE)

    def after(self, inner: str, name: str, description: PortableDescription) -> None:
        """A map at the network's size -> the same at the picture's, bilinear with aligned corners."""
        if not description.resizes:
            self.add("Identity", inner, output=name)
            return
        batch, height, width = self._sizes(PICTURE, (0, 1, 2))
        one = self.constant(np.array([1], np.int64))
        enlarged = self.add(
            "Resize",
            self.add("Unsqueeze", inner, one),
            "",
            "",
            self.add("Concat", batch, one, height, width, axis=0),
            mode="linear",
            coordinate_transformation_mode="align_corners",
        )
        if name == DEPTH:
            self.add("Squeeze", enlarged, one, output=name)
        else:
            bounds = [self.constant(np.float32(bound)) for bound in (0, 1)]
            self.add("Clip", self.add("Squeeze", enlarged, one), *bounds, output=name)

    def _network_size(self, height: str, width: str, description: PortableDescription) -> list[str]:
        """``inference.preprocess.network_size`` as nodes, in float64 as Python computes it."""
        import onnx

        settings = description.preprocessing
        if description.size_px is not None:
            return [self.constant(np.array([px], np.int64)) for px in network_size(*description.size_px, settings)]
        side = self.constant(np.float64(settings.input_size))
        exact = [self.add("Cast", one, to=onnx.TensorProto.DOUBLE) for one in (height, width)]
        factor = self.add("Max", *(self.add("Div", side, one) for one in exact))
        wanted = [self.add("Mul", factor, one) for one in exact]
        if not settings.keep_aspect:
            wanted = [self.constant(np.array([settings.input_size], np.float64))] * 2
        return [self._at_least(one, side, settings.multiple) for one in wanted]

    def _at_least(self, wanted: str, side: str, multiple: int) -> str:
        import onnx

        step = self.constant(np.float64(multiple))
        steps = self.add("Div", wanted, step)
        nearest = self.add("Max", step, self.add("Mul", self.add("Round", steps), step))
        above = self.add("Mul", self.add("Ceil", steps), step)
        chosen = self.add("Where", self.add("GreaterOrEqual", nearest, side), nearest, above)
        return self.add("Cast", chosen, to=onnx.TensorProto.INT64)

    def _sizes(self, of: str, axes: tuple[int, ...]) -> list[str]:
        shape = self.add("Shape", of)
        return [self.add("Gather", shape, self.constant(np.array([axis], np.int64)), axis=0) for axis in axes]

    def constant(self, value: Any) -> str:
        """Name of a new constant."""
        import onnx

        name = f"leadline/constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Name of the new node's one output; attributes are those of the ONNX operator."""
        import onnx

        name = output or f"leadline/{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), [name], **attributes))
        return name


def _input_size(description: PortableDescription) -> tuple[int, int] | None:
    if description.size_px is None or description.resizes:
        return description.size_px
    return network_size(*description.size_px, description.preprocessing)


def _pair(normalisation: Normalisation) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    return normalisation.mean, normalisation.std


def save(model: Any, file: Path, *, beside: bool) -> None:
    """Write an ``onnx.ModelProto``; ``beside`` puts the weights into ``<file>.data``, as protobuf's 2 GiB demand."""
    import onnx

    onnx.save_model(model, str(file), save_as_external_data=beside, location=f"{file.name}.data")
