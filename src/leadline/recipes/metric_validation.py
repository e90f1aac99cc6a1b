# SPDX-License-Identifier: Apache-2.0
"""How the ``metric`` recipe is watched: validation streams and the network enter, losses, metrics and pictures leave.

Quick and at the training size, to choose the best epoch.  Numbers to publish come from ``leadline evaluate`` by a protocol.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Batch
from leadline.evaluation.evaluate import evaluate
from leadline.evaluation.metrics import depth_metrics
from leadline.evaluation.protocols.da2k import DA2K
from leadline.inference.predictor import Predictor
from leadline.losses.pooling import keep
from leadline.recipes.metric import MetricRecipe, targets
from leadline.recipes.metric_pictures import pictured
from leadline.training.placement import moved
from leadline.training.recipe import ValidationResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.data.dataset import DepthDataset
    from leadline.data.loader import SampleStream

TAGS = {
    "delta1": "D1",
    "delta2": "D2",
    "delta3": "D3",
    "abs_rel": "ABS_REL",
    "sq_rel": "SQ_REL",
    "rmse": "RMSE",
    "rmse_log": "RMSE_LOG",
    "log10": "LOG10",
    "silog": "SILOG",
}
PICTURES = 4


@dataclass(slots=True)
class MetricValidation:
    """Callable that the engine asks after each epoch.

    Attributes:
        recipe: the recipe under training; its losses are evaluated too.
        streams: dataset name -> batches with depth.
        pairs: pictures with ordinal pairs (DA-2K), or None; their accuracy is ``Val/da2k/ACCURACY``.
    """

    recipe: MetricRecipe
    streams: Mapping[str, SampleStream]
    pairs: DepthDataset | None = None

    def __call__(self, epoch: int) -> ValidationResult:  # noqa: ARG002
        """Means over all images of all streams (``Val/D1`` ...), per dataset (``Val/nyu/D1`` ...), and pictures."""
        scores: dict[str, dict[str, list[float]]] = {}
        pictures: dict[str, NDArray[np.uint8]] = {}
        for name, stream in self.streams.items():
            scores[name] = defaultdict(list)
            for batch in stream.batches(0):
                self._score(moved(batch, self._device), scores[name], pictures)
        if not any(one.get("Loss") for one in scores.values()):
            raise DataError(
                expected="validation pictures with depth inside the range",
                got=f"not one pixel between {self.recipe.config.min_depth:g} and {self.recipe.config.max_depth:g} m",
                remedy="check --min-depth, --max-depth and the unit with `leadline data inspect`",
            )
        scalars = _means(scores)
        if self.pairs is not None:
            predictor = Predictor(self.recipe.trained, device=str(self._device))
            scalars["Val/da2k/ACCURACY"] = evaluate(predictor, self.pairs, DA2K).metrics["accuracy"]
        name = "Val/Loss" if self.recipe.config.select_by == "loss" else "Val/ABS_REL"
        return ValidationResult(scalars=scalars, selection=scalars[name], selection_name=name, pictures=pictures)

    @property
    def _device(self) -> torch.device:
        return next(self.recipe.trained.parameters()).device

    def _score(self, batch: Batch, scores: dict[str, list[float]], pictures: dict[str, NDArray[np.uint8]]) -> None:
        config, model = self.recipe.config, self.recipe.trained
        with torch.inference_mode():
            predicted_m = model(model.normalisation.apply(batch.image)).float()
            target_m, valid = targets(batch, config)
            for one in range(len(batch.keys)):
                if not bool(valid[one].any()):
                    continue  # nothing to compare with; it must not count as a perfect or a failed image
                self._score_image(predicted_m[one], target_m[one], valid[one], scores)
        for one in range(min(len(batch.keys), PICTURES - len(pictures))):
            pictures[f"Val/Sample_{len(pictures)}"] = pictured(batch, predicted_m, valid, one)

    def _score_image(self, predicted_m: Tensor, target_m: Tensor, valid: Tensor, scores: dict[str, list[float]]) -> None:
        recipe, config = self.recipe, self.recipe.config
        one = {"predicted_m": predicted_m[None], "target_m": target_m[None], "valid": valid[None]}
        parts = recipe.terms(**one, sum_across=keep)
        scores["Loss"].append(float(recipe.total(parts)))
        for name, value in parts.items():
            scores[name].append(float(value))
        clamped = predicted_m.clamp(config.min_depth, config.max_depth)
        metrics = depth_metrics(predicted_m=clamped[None], target_m=target_m[None], valid=valid[None])
        is_number = bool(predicted_m[valid].isfinite().all())
        for name, tag in TAGS.items():
            # a model that says NaN anywhere must not win by what it says elsewhere
            scores[tag].append(float(metrics[name]) if is_number else float("nan"))


def _means(scores: Mapping[str, Mapping[str, list[float]]]) -> dict[str, float]:
    tags = sorted({tag for of_dataset in scores.values() for tag in of_dataset})
    pooled = {f"Val/{tag}": _mean([value for one in scores.values() for value in one.get(tag, [])]) for tag in tags}
    apart = {f"Val/{name}/{tag}": _mean(values) for name, one in scores.items() for tag, values in one.items()}
    return pooled | apart


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
