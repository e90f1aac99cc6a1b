# SPDX-License-Identifier: Apache-2.0
"""A graph on disk enters; something that runs it on arrays leaves, by ONNX Runtime or by OpenVINO."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from leadline.contracts.errors import DataError
from leadline.inference.runtimes.extras import require_package
from leadline.inference.runtimes.islands import fix_tensor, stages
from leadline.inference.runtimes.signal_stack import signal_stack_kept

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RuntimeName = Literal["onnx", "openvino"]
RuntimePrecision = Literal["fp32", "bf16"]
ENDINGS: dict[RuntimeName, str] = {"onnx": ".onnx", "openvino": ".xml"}
# Under this key a graph carries what Leadline must know of it, as JSON.
METADATA_KEY = "leadline"
NETWORK_SHAPE = "network_shape"
"""Name of the tensor that holds the (B, 3, h, w) to which a graph brings its pictures."""
# A compiled network holds its own copy of the weights; pictures of one folder rarely have more sizes than this.
_COMPILED_SIZES = 6
_OPENVINO_PRECISIONS: dict[RuntimePrecision, str] = {"fp32": "f32", "bf16": "bf16"}


class Session(Protocol):
    """A graph with one input, ready to run."""

    metadata: str
    """What the graph says under ``METADATA_KEY``; "" where it says nothing."""

    def run(self, array: NDArray[Any], /) -> tuple[NDArray[np.float32], ...]:
        """The input, of the shape and type the graph asks for, to every output in the graph's order."""
        ...

    def know_network_shape(self, rule: ShapeRule) -> None:
        """Be told how the input's shape leads to ``NETWORK_SHAPE``, for runtimes that cannot compute it themselves."""
        ...


def open_session(file: Path, runtime: RuntimeName, precision: RuntimePrecision) -> Session:
    """Open a graph.

    Args:
        file: ``.onnx``, or for OpenVINO also ``.xml``.
        runtime: what runs it.
        precision: of its arithmetic; ONNX Runtime knows fp32 only.

    Raises:
        MissingExtraError: the runtime is not installed.
        DataError: the file is missing, broken, or no such graph.
    """
    if not file.is_file():
        raise DataError(expected=f"a file {file}", got="no such file", remedy="check the path")
    return OnnxSession(file) if runtime == "onnx" else OpenVinoSession(file, precision)


ShapeRule = Callable[[tuple[int, ...]], tuple[int, ...]]


class OnnxSession:
    """A graph run by ONNX Runtime in float32 on the CPU.

    Raises:
        MissingExtraError, DataError: as ``open_session``.
    """

    def __init__(self, file: Path) -> None:
        require_package("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no base class
            raise _broken(file, "an ONNX graph", error) from error
        self.metadata: str = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
        self._input = self._session.get_inputs()[0].name

    def run(self, array: NDArray[Any], /) -> tuple[NDArray[np.float32], ...]:
        """See ``Session``."""
        return tuple(self._session.run(None, {self._input: array}))

    def know_network_shape(self, rule: ShapeRule) -> None:
        """Nothing to remember: ONNX Runtime computes in float64, as the graph says."""


class OpenVinoSession:
    """A graph run by OpenVINO on the CPU, compiled anew for each size of its input, the latest sizes kept.

    A graph compiled for one size runs faster than one for any size, and its arithmetic on sizes and positions is done while
    compiling, in float32, where bf16 would round it.

    Raises:
        MissingExtraError, DataError: as ``open_session``.
    """

    def __init__(self, file: Path, precision: RuntimePrecision) -> None:
        require_package("openvino")
        import openvino

        self._core, self._precision = openvino.Core(), precision
        try:
            self._graph = self._core.read_model(str(file))
        except RuntimeError as error:
            raise _broken(file, "an OpenVINO or ONNX graph", error) from error
        self._takes_any_size = self._graph.input(0).get_partial_shape().is_dynamic
        self.metadata = _metadata(self._graph)
        self._rule: ShapeRule | None = None
        self._compiled: OrderedDict[tuple[int, ...], list[_Link]] = OrderedDict()

    def run(self, array: NDArray[Any], /) -> tuple[NDArray[np.float32], ...]:
        """See ``Session``."""
        import numpy
        import openvino

        tensors = {"": openvino.Tensor(numpy.ascontiguousarray(array), shared_memory=True)}
        for link in self._chain(array.shape):
            for index, name in enumerate(link.takes):
                link.request.set_input_tensor(index, tensors[name])
            link.request.infer()
            tensors = {name: link.request.get_output_tensor(index) for index, name in enumerate(link.gives)}
        return tuple(tensor.data.copy() for tensor in tensors.values())

    def know_network_shape(self, rule: ShapeRule) -> None:
        """OpenVINO's CPU plugin has no float64, in which alone the rule of sizes is what it is."""
        self._rule = rule

    def _chain(self, shape: tuple[int, ...]) -> list[_Link]:
        if shape not in self._compiled:
            graph = self._graph
            if self._takes_any_size:
                graph = graph.clone()
                if self._rule is not None:
                    fix_tensor(graph, NETWORK_SHAPE, self._rule(shape))
                graph.reshape(list(shape))
            self._compiled[shape] = self._links(graph)
            if len(self._compiled) > _COMPILED_SIZES:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(shape)
        return self._compiled[shape]

    def _links(self, graph: Any) -> list[_Link]:
        if self._precision == "fp32" or graph.is_dynamic():
            names = tuple(f"result {index}" for index in range(len(graph.outputs)))
            return [_Link(request=self._request(graph, self._precision), takes=("",), gives=names)]
        return [
            _Link(request=self._request(one.graph, "fp32" if one.is_exact else "bf16"), takes=one.takes, gives=one.gives)
            for one in stages(graph)
        ]

    def _request(self, graph: Any, precision: RuntimePrecision) -> Any:
        settings = {"INFERENCE_PRECISION_HINT": _OPENVINO_PRECISIONS[precision], "PERFORMANCE_HINT": "LATENCY"}
        with signal_stack_kept():
            return self._core.compile_model(graph, "CPU", settings).create_infer_request()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Link:
    """A compiled stage (see ``islands.Stage``), ready to run."""

    request: Any
    takes: tuple[str, ...]
    gives: tuple[str, ...]


def _metadata(graph: Any) -> str:
    """What OpenVINO's own format holds under our key, or what its ONNX reader put away of the file's properties."""
    for place in ([METADATA_KEY], ["framework", METADATA_KEY]):
        if graph.has_rt_info(place):
            found = graph.get_rt_info(place)
            return found if isinstance(found, str) else str(found.astype(str))
    return ""


def _broken(file: Path, expected: str, error: Exception) -> DataError:
    lines = (line.strip() for line in str(error).splitlines())
    # OpenVINO first names the places of its own source that the error came through
    told = next((line for line in lines if line and not line.startswith("Exception from ")), type(error).__name__)
    return DataError(expected=f"{expected} in {file}", got=told, remedy="export it again with `leadline export`")
