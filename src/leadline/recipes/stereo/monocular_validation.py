# SPDX-License-Identifier: Apache-2.0
"""A recipe and held-out frames enter; how well sources explain them and, where depth is known, its errors leave."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.evaluation.protocol import Case, Protocol, UnscorableError
from leadline.evaluation.scoring import judged, score_depth, score_judged
from leadline.geometry.alignment import alignment_for
from leadline.recipes.supervised.validation import PICTURES, SELECTIONS, TAGS
from leadline.training.placement import moved
from leadline.training.recipe import ValidationResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from leadline.contracts.sample import Batch
    from leadline.data.loader import SampleStream
    from leadline.recipes.stereo.config import StereoConfig
    from leadline.recipes.stereo.monocular_recipe import MonocularRecipe

Scores = dict[str, list[float]]


@dataclass(slots=True)
class FramesValidation:
    """Callable that the engine asks after each epoch.

    Attributes:
        recipe: the recipe under training.
        config: range of the truth in metres, and what chooses the best epoch.
        streams: dataset name -> batches of frames with their sources, with depth or without.
    """

    recipe: MonocularRecipe
    config: StereoConfig
    streams: Mapping[str, SampleStream]

    def __call__(self, epoch: int) -> ValidationResult:  # noqa: ARG002
        """``Val/Loss``, the photometric difference at full size, and with truth ``Val/ABS_REL``, ``Val/D1`` and so on.

        A network that saw frames of one eye only is fitted to each truth by one factor first.

        Raises:
            DataError: there is no frame, or no truth for what shall choose the best epoch.
        """
        scores: Scores = defaultdict(list)
        pictures: dict[str, NDArray[np.uint8]] = {}
        device = next(self.recipe.trained.parameters()).device
        with torch.inference_mode():
            for stream in self.streams.values():
                for batch in stream.batches(0):
                    here = moved(batch, device)
                    scores["Loss"] += [float(self.recipe.reconstruction(here))] * len(batch.keys)
                    depth = self.recipe.trained.monocular(here.image)[0].float().cpu().numpy()
                    for index in range(len(batch.keys)):
                        self._measure(depth[index], batch, index, scores)
                    if len(pictures) < PICTURES:
                        pictures[f"Val/Frames_{len(pictures)}"] = self.recipe.pictures({"train": here})["Train/Frames"]
        scalars = {f"Val/{name}": float(np.mean(values)) for name, values in sorted(scores.items())}
        return self._result(scalars, pictures)

    def _measure(self, depth: NDArray[np.float32], batch: Batch, index: int, scores: Scores) -> None:
        """Errors of one (H,W) map, where the batch knows metres."""
        if batch.depth is None or batch.valid is None or batch.kind is not DepthKind.METRIC:
            return
        sample = Sample(
            key=batch.keys[index],
            dataset=batch.datasets[index],
            image=batch.image[index],
            depth=batch.depth[index],
            valid=batch.valid[index],
        )
        kind = self.recipe.trained.config.kind
        prediction = DepthMap(values=depth, valid=np.isfinite(depth), kind=kind)
        try:
            score = score_judged(judged(Case(sample=sample, prediction=prediction), self._protocol(kind)))
        except UnscorableError:
            return
        for name, tag in TAGS.items():
            # a network that says NaN anywhere must not win by what it says elsewhere
            scores[tag].append(score.metrics[name] if score.missing_pixels == 0 else float("nan"))

    def _protocol(self, kind: DepthKind) -> Protocol:
        return Protocol(
            name="validation",
            dataset=None,
            needs=frozenset({Field.DEPTH}),
            score=score_depth,
            range_m=(self.config.min_depth, self.config.max_depth),
            alignment=alignment_for(kind),
            source="Leadline's own, at --full-size",
        )

    def _result(self, scalars: dict[str, float], pictures: dict[str, NDArray[np.uint8]]) -> ValidationResult:
        tag = SELECTIONS.get(self.config.select_by, "")
        if tag not in scalars:
            raise DataError(
                expected=f"held-out frames with what --select-by {self.config.select_by} needs",
                got="frames without depth" if scalars else "no frame",
                remedy="say --select-by loss, or give a dataset with truth",
            )
        value, said = scalars[tag], tag
        if self.config.select_by == "delta1":  # the highest is best, and the engine takes the lowest
            value, said = 1.0 - value, f"1 - {tag}"
        return ValidationResult(scalars=scalars, selection=value, selection_name=said, pictures=pictures)
