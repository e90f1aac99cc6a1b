# SPDX-License-Identifier: Apache-2.0
"""How a recipe is watched: validation streams and the network enter, losses, metrics and pictures leave.

Quick and at the training size, to choose the best epoch.  Numbers to publish come from ``leadline evaluate`` by a protocol.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.contracts.sample import Batch, Field, Sample
from leadline.evaluation.evaluate import evaluate
from leadline.evaluation.protocol import Case, Protocol
from leadline.evaluation.protocols.da2k import DA2K
from leadline.evaluation.scoring import judged, score_depth, score_judged
from leadline.geometry.alignment import alignment_for
from leadline.inference.predictor import Predictor
from leadline.losses.pooling import keep
from leadline.recipes.supervised.pictures import pictured
from leadline.recipes.supervised.recipe import SupervisedRecipe, truth
from leadline.training.placement import moved
from leadline.training.recipe import ValidationResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.data.dataset import DepthDataset
    from leadline.data.loader import SampleStream
    from leadline.recipes.supervised.data_config import DataConfig

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
SELECTIONS = {"loss": "Val/Loss", "abs_rel": "Val/ABS_REL", "delta1": "Val/D1"}
PICTURES = 4


@dataclass(slots=True)
class Validation:
    """Callable that the engine asks after each epoch.

    Attributes:
        recipe: the recipe under training; its losses are evaluated too.
        config: range of the truth in metres, and what chooses the best epoch.
        streams: dataset name -> batches with depth.
        pairs: pictures with ordinal pairs (DA-2K), or None; their accuracy is ``Val/da2k/ACCURACY``.
    """

    recipe: SupervisedRecipe
    config: DataConfig
    streams: Mapping[str, SampleStream]
    pairs: DepthDataset | None = None

    def __call__(self, epoch: int) -> ValidationResult:  # noqa: ARG002
        """Means over all images of all streams (``Val/D1`` ...), per dataset (``Val/nyu/D1`` ...), and pictures.

        Truth that is disparity has a loss alone: metrics and pictures are in metres.

        Raises:
            DataError: no picture has a pixel that counts, or none has metres where those shall choose the best epoch.
        """
        scores: dict[str, dict[str, list[float]]] = {}
        pictures: dict[str, NDArray[np.uint8]] = {}
        protocol = _quick_protocol(self.config, self.recipe.trained.kind)
        for name, stream in self.streams.items():
            scores[name] = defaultdict(list)
            for batch in stream.batches(0):
                self._score(batch, protocol, scores[name], pictures)
        if not any(one.get("Loss") for one in scores.values()):
            raise DataError(
                expected="validation pictures with depth inside the range",
                got=f"not one pixel between {self.config.min_depth:g} and {self.config.max_depth:g} m",
                remedy="check --min-depth, --max-depth and the unit with `leadline data inspect`",
            )
        scalars = _means(scores)
        if self.pairs is not None:
            predictor = Predictor(self.recipe.trained, device=str(self._device))
            scalars["Val/da2k/ACCURACY"] = evaluate(predictor, self.pairs, DA2K).metrics["accuracy"]
        name = SELECTIONS[self.config.select_by]
        if name not in scalars:
            raise DataError(
                expected=f"validation pictures with depth in metres for --select-by {self.config.select_by}",
                got=f"disparity in {', '.join(self.streams)}",
                remedy="say --select-by loss, or name a dataset with metres too",
            )
        selection, said = scalars[name], name
        if self.config.select_by == "delta1":  # the highest is best, and the engine takes the lowest
            selection, said = 1.0 - selection, f"1 - {name}"
        return ValidationResult(scalars=scalars, selection=selection, selection_name=said, pictures=pictures)

    @property
    def _device(self) -> torch.device:
        return next(self.recipe.trained.parameters()).device

    def _score(
        self,
        batch: Batch,
        protocol: Protocol,
        scores: dict[str, list[float]],
        pictures: dict[str, NDArray[np.uint8]],
    ) -> None:
        with torch.inference_mode():
            here = moved(batch, self._device)
            predicted = self.recipe.predict(here).float()
            for one in range(len(batch.keys)):
                if not bool(truth(batch)[1][one].any()):
                    continue  # nothing to compare with; it must not count as a perfect or a failed image
                cost = self.recipe.loss(predicted[one : one + 1], _single(here, one), keep)
                for name, value in {"Loss": cost.loss, **cost.parts}.items():
                    scores[name].append(float(value))
                if batch.kind is not DepthKind.METRIC:
                    continue  # disparity up to scale and shift: there is a loss, but nothing in metres to measure
                predicted_m = self._score_image(predicted[one].cpu(), _sample(batch, one), protocol, scores)
                if len(pictures) < PICTURES:
                    pictures[f"Val/Sample_{len(pictures)}"] = pictured(batch, predicted_m, one)

    def _score_image(self, predicted: Tensor, sample: Sample, protocol: Protocol, scores: dict[str, list[float]]) -> Tensor:
        """Note the metrics of one (H,W) prediction; it leaves in metres (H,W), NaN where the model said no number."""
        usable = predicted.isfinite().numpy()
        prediction = DepthMap(values=predicted.numpy(), valid=usable, kind=self.recipe.trained.kind)
        compared = judged(Case(sample=sample, prediction=prediction), protocol)
        score = score_judged(compared)
        for name, tag in TAGS.items():
            # a model that says NaN anywhere must not win by what it says elsewhere
            scores[tag].append(score.metrics[name] if score.missing_pixels == 0 else float("nan"))
        return torch.where(compared.missing, torch.nan, compared.uncapped_m)


def _quick_protocol(config: DataConfig, kind: DepthKind) -> Protocol:
    """Every valid pixel inside the range that is trained on, fitted to the truth as far as the model's kind needs it."""
    return Protocol(
        name="validation",
        dataset=None,
        needs=frozenset({Field.DEPTH}),
        score=score_depth,
        range_m=(config.min_depth, config.max_depth),
        alignment=alignment_for(kind),
        source="Leadline's own, at the training size",
    )


def _single(batch: Batch, index: int) -> Batch:
    """One picture of a batch, as a batch."""
    depth, valid = truth(batch)
    one = slice(index, index + 1)
    return Batch(
        keys=batch.keys[one],
        datasets=batch.datasets[one],
        image=batch.image[one],
        depth=depth[one],
        valid=valid[one],
        kind=batch.kind,
    )


def _sample(batch: Batch, index: int) -> Sample:
    depth, valid = truth(batch)
    return Sample(
        key=batch.keys[index],
        dataset=batch.datasets[index],
        image=batch.image[index],
        depth=depth[index],
        valid=valid[index],
        kind=batch.kind,
    )


def _means(scores: Mapping[str, Mapping[str, list[float]]]) -> dict[str, float]:
    tags = sorted({tag for of_dataset in scores.values() for tag in of_dataset})
    pooled = {f"Val/{tag}": _mean([value for one in scores.values() for value in one.get(tag, [])]) for tag in tags}
    apart = {f"Val/{name}/{tag}": _mean(values) for name, one in scores.items() for tag, values in one.items()}
    return pooled | apart


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
