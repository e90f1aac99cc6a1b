# SPDX-License-Identifier: Apache-2.0
"""An exported file enters; a predictor that needs nothing else leaves: pictures of any size to depth maps of their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError, UsageError
from leadline.inference.pictures import as_picture
from leadline.inference.preprocess import PreprocessSettings, network_size
from leadline.inference.runtimes.portable_description import PortableDescription
from leadline.inference.runtimes.sessions import ENDINGS, RuntimeName, RuntimePrecision, open_session
from leadline.transforms.resampling import resize_image, resize_prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.inference.pictures import Picture


def is_exported(source: str | Path) -> bool:
    """Whether a MODEL is an exported file, by its ending."""
    return Path(source).suffix.lower() in ENDINGS.values()


class ExportedPredictor:
    """Serves a file that ``leadline export`` wrote.

    Args:
        file: ``.onnx`` or ``.xml``.
        runtime: "onnx" or "openvino"; an ``.xml`` needs OpenVINO.
        precision: of the arithmetic.

    Raises:
        MissingExtraError: the runtime is not installed.
        DataError: the file is missing, broken, or not written by Leadline.
        UsageError: a runtime that cannot read such a file.
    """

    def __init__(self, file: Path, runtime: RuntimeName, precision: RuntimePrecision) -> None:
        if file.suffix.lower() != ENDINGS["onnx"] and runtime == "onnx":
            raise UsageError(
                expected="an .onnx file for ONNX Runtime",
                got=str(file),
                remedy="use --runtime openvino, or export --to onnx",
            )
        self.file, self.runtime, self.precision = file, runtime, precision
        self._session = open_session(file, runtime, precision)
        self._said = PortableDescription.from_json(self._session.metadata, str(file))
        self._session.know_network_shape(self._network_shape)

    @property
    def kind(self) -> DepthKind:
        """The claim of the maps."""
        return self._said.kind

    @property
    def preprocessing(self) -> PreprocessSettings:
        """How pictures are brought to the network's size."""
        return self._said.preprocessing

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    @property
    def description(self) -> dict[str, Any]:
        """What was used, as plain JSON values, with the same keys as a ``Predictor``'s and the runtime."""
        return {
            "model": str(self.file),
            "exported_from": self._said.model,
            "architecture": self._said.architecture,
            "kind": self.kind.value,
            "unit": self.kind.unit,
            "preprocessing": asdict(self.preprocessing),
            "precision": self.precision,
            "device": "cpu",
            "runtime": self.runtime,
        }

    def predict(self, picture: Picture) -> DepthMap:
        """Depth of one picture, (H, W) at its own size; units and errors as for ``predict_batch``."""
        return self.predict_batch([picture])[0]

    def predict_batch(self, pictures: Sequence[Picture]) -> list[DepthMap]:
        """One map (H, W) per picture, in order, each computed by itself; see ``Predictor.predict_batch``.

        Raises:
            DataError: a file is no whole picture, far too long and thin, or of another size than the graph was made for.
            UsageError: another type, dtype or shape.
        """
        return [self._one(as_picture(picture)) for picture in pictures]

    def _one(self, picture: NDArray[np.uint8]) -> DepthMap:
        size = (picture.shape[0], picture.shape[1])
        network_size(*size, self.preprocessing)  # refuses what the network could not hold
        if self._said.size_px not in (None, size):
            height, width = self._said.size_px or size
            raise DataError(
                expected=f"pictures of {height}x{width}, the one size this file was exported for",
                got=f"{size[0]}x{size[1]}",
                remedy="export again without --static, or resize the pictures",
            )
        depth, *rest = self._run(picture)
        valid = np.isfinite(depth)
        if self.kind is DepthKind.METRIC:
            valid &= depth > 0
        return DepthMap(values=depth, valid=valid, kind=self.kind, confidence=rest[0] if rest else None)

    def _network_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(B, H, W, 3) -> (B, 3, h, w)."""
        return shape[0], 3, *network_size(shape[1], shape[2], self.preprocessing)

    def _run(self, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """(H, W, 3) -> every output at (H, W)."""
        if self._said.resizes:
            return [output[0] for output in self._session.run(np.ascontiguousarray(picture)[None])]
        outputs = self._session.run(_shrunk(picture, self.preprocessing)[None])
        height, width = picture.shape[:2]
        enlarged = [resize_prediction(torch.from_numpy(output[0]), height, width).numpy() for output in outputs]
        if self.kind is DepthKind.STEREO_DISPARITY:
            enlarged[0] *= width / outputs[0].shape[2]  # pixels of the network's input -> pixels of the picture
        return [enlarged[0], *(one.clip(0.0, 1.0) for one in enlarged[1:])]


def _shrunk(picture: NDArray[np.uint8], settings: PreprocessSettings) -> NDArray[np.uint8]:
    """At the network's size, averaged as ``inference.preprocess`` does, which for 8-bit pictures gives 8 bits again."""
    size = network_size(picture.shape[0], picture.shape[1], settings)
    if size == picture.shape[:2]:
        return picture
    image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).to(torch.float32).div_(255.0)
    levels: NDArray[np.uint8] = resize_image(image, *size).mul_(255.0).round_().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(levels)
