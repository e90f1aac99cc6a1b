# SPDX-License-Identifier: Apache-2.0
"""A request enters; the model, opened once in this process, leaves: pictures in, maps of the size that is stored out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import UsageError
from leadline.inference.predictor import Predictor
from leadline.inference.preprocess import PreprocessSettings, network_input, network_size
from leadline.inference.runtimes.choose import RuntimeRequest, open_predictor
from leadline.inference.runtimes.exported_predictor import ExportedPredictor
from leadline.inference.test_time import with_test_time
from leadline.labelling.job import ModelFacts
from leadline.labelling.request import LabelRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class AtNetworkSize:
    """A predictor whose maps stay at the size the network sees; they cover the whole picture.

    ``resize_prediction`` to the picture's size gives what the predictor itself would have answered.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    @property
    def kind(self) -> DepthKind:
        """The claim of the maps."""
        return self._predictor.kind

    @property
    def preprocessing(self) -> PreprocessSettings:
        """How pictures are brought to the network's size."""
        return self._predictor.preprocessing

    @property
    def description(self) -> Mapping[str, Any]:
        """The predictor's."""
        return self._predictor.description

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """One (h, w) map per (H, W, 3) uint8 RGB picture, in order; those of one network size go through it together."""
        normalisation = self._predictor.model.normalisation
        inputs = [network_input(picture, self.preprocessing, normalisation) for picture in pictures]
        groups: dict[torch.Size, list[int]] = {}
        for index, image in enumerate(inputs):
            groups.setdefault(image.shape, []).append(index)
        maps: dict[int, DepthMap] = {}
        for indices in groups.values():
            depth, confidence = self._predictor.run_network(torch.stack([inputs[index] for index in indices]))
            depth, confidence = depth.cpu(), None if confidence is None else confidence.cpu()
            for place, index in enumerate(indices):
                maps[index] = self._map(depth[place], None if confidence is None else confidence[place])
        return [maps[index] for index in range(len(inputs))]

    def _map(self, values: Tensor, confidence: Tensor | None) -> DepthMap:
        valid = torch.isfinite(values)
        if self.kind is DepthKind.METRIC:
            valid &= values > 0
        certainty = None if confidence is None else confidence.float().numpy()
        return DepthMap(values=values.float().numpy(), valid=valid.numpy(), kind=self.kind, confidence=certainty)


class Labeller:
    """The model of one worker.

    Args:
        request: the job's.
        worker: number of this worker on its machine; it chooses among several GPUs.

    Raises:
        UsageError, WeightsError, DataError, MissingExtraError: as ``open_predictor``; labels at the network's size from a
            file that answers at the picture's.
    """

    def __init__(self, request: LabelRequest, worker: int = 0) -> None:
        torch.set_num_threads(request.threads)
        self.request = request
        self._opened = open_predictor(_runtime_request(request, worker)).predictor
        if request.store == "picture":
            base: Predictor | ExportedPredictor | AtNetworkSize = self._opened
        elif isinstance(self._opened, Predictor):
            base = AtNetworkSize(self._opened)
        else:
            raise UsageError(
                expected="--store picture with an exported file, which answers at the picture's size",
                got="--store network",
                remedy="pass --store picture, or the model that was exported",
            )
        self._predictor = with_test_time(base, request.tta)

    def facts(self) -> ModelFacts:
        """What only the opened model can say."""
        said = self._opened.description
        settings = {
            **asdict(self._opened.preprocessing),
            "precision": said["precision"],
            "device": self._opened.device.type,
        }
        return ModelFacts(weights_sha256=_weights_sha256(self._opened), kind=self._opened.kind, settings=settings)

    def check_size(self, picture: NDArray[np.uint8]) -> None:
        """Refuse an (H, W, 3) picture that the network could not hold.  DataError."""
        network_size(picture.shape[0], picture.shape[1], self._predictor.preprocessing)

    def label(self, pictures: Sequence[NDArray[np.uint8]]) -> list[DepthMap]:
        """One map per (H, W, 3) uint8 RGB picture, in order; the same pictures together give the same bits."""
        return self._predictor.predict_batch(list(pictures)) if pictures else []


def _runtime_request(request: LabelRequest, worker: int) -> RuntimeRequest:
    device = request.device
    count = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    return RuntimeRequest(
        source=request.model,
        runtime=request.runtime,
        device=f"cuda:{worker % count}" if count else device,
        precision=request.precision,
        architecture=request.architecture,
        input_size=request.input_size,
    )


def _weights_sha256(opened: Predictor | ExportedPredictor) -> str:
    digest = hashlib.sha256()
    if isinstance(opened, ExportedPredictor):
        for file in (opened.file, opened.file.with_suffix(".bin"), opened.file.with_name(opened.file.name + ".data")):
            if file.is_file():  # an .xml keeps its numbers in a .bin, a large .onnx in a .data
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()
    digest.update(f"{opened.model.config.to_dict()}\n".encode())
    for name, tensor in sorted(opened.model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
