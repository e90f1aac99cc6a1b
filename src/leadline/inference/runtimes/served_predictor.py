# SPDX-License-Identifier: Apache-2.0
"""A predictor and a runtime enter; the same predictor, whose network another engine than torch runs, leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.cache import cached_graph
from leadline.inference.runtimes.sessions import RuntimeName, RuntimePrecision, open_session

if TYPE_CHECKING:
    from torch import Tensor


class ServedPredictor(Predictor):
    """``Predictor`` on the CPU, with its network run by ONNX Runtime or OpenVINO; pictures are prepared as ever.

    Args:
        plain: whose model, preprocessing and source are taken over.
        runtime: what runs the network.
        precision: of its arithmetic; depth leaves in float32 always.

    Raises:
        MissingExtraError: the runtime, or what writes its graph, is not installed.
        UsageError: the model cannot be traced.
        StorageError: the cache folder cannot be written.
    """

    def __init__(self, plain: Predictor, runtime: RuntimeName, precision: RuntimePrecision) -> None:
        said = plain.description
        super().__init__(plain.model, device="cpu", precision=precision, source=str(said["model"]))
        self.preprocessing = plain.preprocessing
        self.runtime = runtime
        self._session = open_session(cached_graph(plain.model), runtime, precision)

    @property
    def description(self) -> dict[str, Any]:
        """As a ``Predictor``'s, with the runtime."""
        return super().description | {"runtime": self.runtime}

    @torch.inference_mode()
    def run_network(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, 3, h, w) normalised -> depth and, where there are bins, confidence, (B, h, w)."""
        depth, *rest = (torch.from_numpy(output) for output in self._session.run(images.numpy()))
        return depth, rest[0] if rest else None
