# SPDX-License-Identifier: Apache-2.0
"""A model ready for use: pictures of any size enter, depth maps of the same sizes leave."""

from __future__ import annotations

from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.inference.device import arithmetic, choose_device, choose_precision
from leadline.inference.pictures import as_picture
from leadline.inference.preprocess import PreprocessSettings, network_input
from leadline.models.heads.metric_bins import bin_confidence
from leadline.models.monocular_models import load_monocular_model
from leadline.transforms.resampling import resize_prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.inference.pictures import Picture
    from leadline.models.monocular_models import MonocularModel

DINOV2_SIDE_PX = 518  # 37 patches of 14: what DINOv2 and Depth Anything were trained at
OTHER_SIDE_PX = 384


def load(
    source: str | Path,
    device: str = "auto",
    precision: str = "auto",
    architecture: str | None = None,
    input_size: int | None = None,
) -> Predictor:
    """A predictor from any MODEL.

    Args:
        source: see ``leadline.contracts.model_forms.MODEL_FORMS``.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "bf16" or "fp32"; "fp32" pins exactness.
        architecture: a preset name, where a bare weights file does not say what it holds.
        input_size: the shorter side the network sees, pixels; None takes the model's own.

    Raises:
        UsageError, WeightsError: the model, device or precision does not exist or does not fit.
    """
    model = load_monocular_model(source, architecture=architecture)
    return Predictor(model, device=device, precision=precision, input_size=input_size, source=str(source))


class Predictor:
    """A model on its device with the preprocessing it was trained with.

    Args:
        model: its weights are moved to the device and it is put into evaluation mode.
        device, precision: as for ``load``.
        input_size: the shorter side the network sees, pixels; None takes the model's own.
        source: where the model came from, for ``description``.
    """

    def __init__(
        self,
        model: MonocularModel,
        *,
        device: str = "auto",
        precision: str = "auto",
        input_size: int | None = None,
        source: str = "a model in memory",
    ) -> None:
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.model = model.to(self.device).eval()
        self.preprocessing = default_preprocessing(model, input_size)
        self._source = source

    @property
    def kind(self) -> DepthKind:
        """The claim of the maps."""
        return self.model.kind

    @property
    def description(self) -> dict[str, Any]:
        """What was used, as plain JSON values: model, architecture, kind, unit, preprocessing, precision, device."""
        return {
            "model": self._source,
            "architecture": self.model.config.to_dict(),
            "kind": self.model.kind.value,
            "unit": self.model.kind.unit,
            "preprocessing": asdict(self.preprocessing),
            "precision": "bf16" if self.dtype is torch.bfloat16 else "fp32",
            "device": str(self.device),
        }

    def resized(self, input_size: int) -> Predictor:
        """The same model on the same device, shown pictures whose shorter side is ``input_size`` pixels.

        Raises:
            UsageError: less than one pixel.
        """
        other = copy(self)
        other.preprocessing = replace(self.preprocessing, input_size=input_size)
        return other

    def predict(self, picture: Picture) -> DepthMap:
        """Depth of one picture, (H, W) at its own size; units and errors as for ``predict_batch``."""
        return self.predict_batch([picture])[0]

    def predict_batch(self, pictures: Sequence[Picture]) -> list[DepthMap]:
        """Depth of several pictures, in their order; those that the network sees at one size go through it together.

        Others go one by one: a transformer attends to padding, so that padding one picture to another's size would change
        its numbers.

        Args:
            pictures: paths, Pillow images (EXIF orientation applied to both) or (H, W, 3) uint8 RGB arrays, of any sizes.

        Returns:
            One map (H, W) float32 per picture in the model's kind and unit; invalid where the model said nothing finite, and
            for metres nothing positive.  ``confidence`` (H, W) in [0, 1] is there for models with bins.

        Raises:
            DataError: a file is no whole picture, or far too long and thin.
            UsageError: another type, dtype or shape.
        """
        arrays = [as_picture(picture) for picture in pictures]
        inputs = [network_input(array, self.preprocessing, self.model.normalisation) for array in arrays]
        groups: dict[torch.Size, list[int]] = {}
        for index, image in enumerate(inputs):
            groups.setdefault(image.shape, []).append(index)
        maps: dict[int, DepthMap] = {}
        for indices in groups.values():
            depth, confidence = self.run_network(torch.stack([inputs[index] for index in indices]))
            for place, index in enumerate(indices):
                certainty = None if confidence is None else confidence[place]
                maps[index] = self._map(depth[place], certainty, (arrays[index].shape[0], arrays[index].shape[1]))
        return [maps[index] for index in range(len(arrays))]

    @torch.inference_mode()
    def run_network(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, 3, h, w) normalised, on the CPU -> depth and, where there are bins, confidence, (B, h, w) on the device."""
        with arithmetic(self.device, self.dtype):
            output = self.model.predict_full(images.to(self.device))
        probabilities = output.bin_probabilities
        return output.depth.float(), None if probabilities is None else bin_confidence(probabilities.float())

    @torch.inference_mode()
    def _map(self, depth: Tensor, confidence: Tensor | None, size: tuple[int, int]) -> DepthMap:
        """Network-size (h, w) -> the picture's size, interpolated in the space of the kind."""
        values = resize_prediction(depth, *size)
        if self.model.kind is DepthKind.STEREO_DISPARITY:
            values = values * (size[1] / depth.shape[1])  # pixels of the network's input -> pixels of the picture
        valid = torch.isfinite(values)
        if self.model.kind is DepthKind.METRIC:
            valid &= values > 0
        certainty = None if confidence is None else _to_numpy(resize_prediction(confidence, *size).clamp(0.0, 1.0))
        return DepthMap(values=_to_numpy(values), valid=valid.cpu().numpy(), kind=self.model.kind, confidence=certainty)


def default_preprocessing(model: MonocularModel, input_size: int | None = None) -> PreprocessSettings:
    """The preprocessing a model expects.

    How pictures are interpolated stands in its configuration; so does the size it was trained at, where that is known.
    Others are shown DINOv2's own 518, or 384 for another encoder.

    Args:
        model: its configuration and size multiple are read.
        input_size: overrides the shorter side, pixels.
    """
    if input_size is None:
        input_size = model.config.input_size or (OTHER_SIDE_PX if model.config.size is None else DINOV2_SIDE_PX)
    return PreprocessSettings(
        input_size=input_size,
        multiple=model.size_multiple,
        interpolation=model.config.interpolation,
    )


def _to_numpy(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.to("cpu", torch.float32).numpy()
    return array
