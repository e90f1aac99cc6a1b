# SPDX-License-Identifier: Apache-2.0
"""A depth model enters; its network as an ONNX graph, for one size or for any, leaves; torch is needed to make it only."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from leadline.contracts.errors import UsageError
from leadline.inference.runtimes.extras import require_package
from leadline.inference.runtimes.portable_resize import PortableResizes
from leadline.models.heads.metric_bins import BinsOutput, bin_confidence
from leadline.models.heads.precision import at_least_float32
from leadline.models.stereo.monocular import MonocularPath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.export import ExportedProgram

    from leadline.models.depth_model import DepthModel
    from leadline.models.monocular_models import MonocularModel

IMAGE, DEPTH, CONFIDENCE = "image", "depth", "confidence"
PRECISE = "precise"
"""Begins the names of the tensors from which on arithmetic is better done in float32, whatever the rest is done in."""
OPSET = 20
# Two images, because an export freezes a dimension of one; sides that no rule of ours treats apart.  Of 11 x 13 patches, no
# map of a stereo network's pyramid happens to have the size it is to be brought to, which would leave the resizing out.
_EXAMPLE_MULTIPLES, _STEREO_MULTIPLES = (5, 6), (11, 13)
_MOST_MULTIPLES, _MOST_PICTURES = 1024, 256
_BATCH = 2


class TracedNetwork(nn.Module):
    """A model's network as one graph: normalised images enter, depth and, where there are bins, their confidence leave.

    Args:
        model: stays as it is; its copy is put into evaluation mode.
    """

    def __init__(self, model: DepthModel) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).cpu().float().eval()
        self._before_read_out = _Remembered(self.model.decoder.before_read_out)

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """Normalised (B,3,H,W), sides multiples of the model's -> depth (B,H,W) in its unit [, confidence (B,H,W)].

        After them come the tensors that cut off what is better done in float32.
        """
        H, W = image_B3HW.shape[-2:]
        with PortableResizes():
            features = self.model.encoder(image_B3HW)  # ``encode`` would first see to sides that are no multiples
        taps = self.model.decoder(features, (H, W)).taps()
        said = self.model.read(taps)
        if isinstance(said, BinsOutput):
            cuts = (self._before_read_out.output, taps.bottleneck, *taps.pyramid)
            return said.depth_m, bin_confidence(said.bin_probabilities()), *cuts
        return at_least_float32(said), self._before_read_out.output


class TracedMonocular(nn.Module):
    """As ``TracedNetwork``, of one eye of a stereo network: images in [0, 1] enter.

    Args:
        model: stays as it is; its copy is put into evaluation mode.
    """

    def __init__(self, model: MonocularPath) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).cpu().float().eval()
        self._before_read_out = _Remembered(self.model.before_read_out)

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """(B,3,H,W) in [0, 1], sides multiples of the model's -> depth (B,H,W) in its unit [, confidence], and the cut."""
        with PortableResizes():
            said = self.model.predict_full(image_B3HW)
        if said.bin_probabilities is None:
            return said.depth, self._before_read_out.output
        return said.depth, bin_confidence(said.bin_probabilities), self._before_read_out.output


class _Remembered:
    """What a module last handed on."""

    output: Tensor

    def __init__(self, module: nn.Module) -> None:
        module.register_forward_hook(self._remember)

    def _remember(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self.output = output


def write_network(model: MonocularModel, file: Path, *, size_px: tuple[int, int] | None = None) -> tuple[str, ...]:
    """Write the network as ONNX; the names of its outputs leave.

    Args:
        model: with its weights.
        file: to write; beyond 2 GiB of weights, ``<file>.data`` is written beside it.
        size_px: (H, W) of the one size the graph shall take, multiples of the model's; None for any size and any batch.

    Raises:
        MissingExtraError: without the packages onnx and onnxscript.
        UsageError: the model cannot be traced, or not for every size.
    """
    require_package("onnx")
    require_package("onnxscript")
    of_stereo = isinstance(model, MonocularPath)
    network = TracedMonocular(model) if isinstance(model, MonocularPath) else TracedNetwork(model)
    multiple = model.size_multiple
    height, width = size_px or tuple(multiple * count for count in (_STEREO_MULTIPLES if of_stereo else _EXAMPLE_MULTIPLES))
    image = torch.zeros(1 if size_px else _BATCH, 3, height, width)
    with torch.no_grad():
        given = len(network(image))
    outputs = (DEPTH, CONFIDENCE) if given > 2 else (DEPTH,)
    cuts = tuple(f"{PRECISE}_{index}" for index in range(given - len(outputs)))
    try:
        with _quietly(), torch.no_grad():
            shapes = None if size_px else _any_size(multiple)
            torch.onnx.export(
                _without_checks(network, image, shapes) if of_stereo else network,
                () if of_stereo else (image,),
                file,
                dynamo=True,
                opset_version=OPSET,
                input_names=[IMAGE],
                output_names=[*outputs, *cuts],
                dynamic_shapes=None if of_stereo else shapes,
                external_data=_bytes(model) > LARGEST_SINGLE_FILE,
            )
    except Exception as error:
        first_line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        remedy = "report it, with the model" if size_px else "name one size with --static HxW"
        raise UsageError(
            expected=f"a network that can be traced ({model.config.encoder})", got=first_line, remedy=remedy
        ) from error
    _keep_outputs(file, len(outputs))
    return outputs


def _without_checks(network: nn.Module, image: Tensor, shapes: tuple[dict[int, object]] | None) -> ExportedProgram:
    """Traced here, because the exporter by itself asks for checks of sizes in the graph, and fails where they round."""
    return torch.export.export(network.eval(), (image,), dynamic_shapes=shapes, strict=False)


def _keep_outputs(file: Path, count: int) -> None:
    """The tensors after them keep their names inside the graph, but are not handed out."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False)
    del graph.graph.output[count:]
    onnx.save_model(graph, str(file))


LARGEST_SINGLE_FILE = 2**31 - 2**24  # protobuf's limit, with room for the graph


def _bytes(model: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def _any_size(multiple: int) -> tuple[dict[int, object]]:
    """Which dimensions of the one input are free."""
    from torch.export import Dim

    rows, columns = (Dim(name, min=1, max=_MOST_MULTIPLES) for name in ("rows", "columns"))
    return ({0: Dim("batch", min=1, max=_MOST_PICTURES), 2: multiple * rows, 3: multiple * columns},)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter reports its stages on stdout and its own deprecations as warnings; ours go to the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
