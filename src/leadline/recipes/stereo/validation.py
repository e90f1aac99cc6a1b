# SPDX-License-Identifier: Apache-2.0
"""A network and held-out pairs enter; how well each path remakes a view, and where depth is known its errors, leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample, StereoView
from leadline.evaluation.protocol import Case, Protocol, UnscorableError
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.protocols.stereo import true_pixels
from leadline.evaluation.scoring import judged, score_judged
from leadline.evaluation.stereo_metrics import stereo_metrics
from leadline.geometry.disparity import stereo_depth_m
from leadline.geometry.warp import in_view, warp_by_disparity
from leadline.losses.maps import masked_mean
from leadline.losses.photometric import photometric_difference
from leadline.recipes.stereo.guide import LEFT
from leadline.recipes.stereo.pair import pair_of
from leadline.recipes.stereo.pictures import pictured_stages
from leadline.recipes.supervised.validation import PICTURES, TAGS
from leadline.training.placement import moved
from leadline.training.recipe import ValidationResult

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.data.loader import SampleStream
    from leadline.models.stereo.stereo_model import StereoModel
    from leadline.recipes.stereo.config import StereoConfig

Scores = dict[str, list[float]]


@dataclass(slots=True)
class StereoValidation:
    """Callable that the engine asks after each epoch.

    Attributes:
        model: the network under training.
        config: range of the truth in metres, and what chooses the best epoch.
        streams: dataset name -> batches of pairs, with depth or without.
    """

    model: StereoModel
    config: StereoConfig
    streams: Mapping[str, SampleStream]

    def __call__(self, epoch: int) -> ValidationResult:  # noqa: ARG002
        """``Val/Loss`` (mean over paths), and for each path ``Val/stereo/Loss``; with truth ``Val/stereo/EPE``, ``D1_ALL``,
        and metres as ``Val/stereo/D1``, ``Val/stereo/ABS_REL`` ..., without any fit to the truth.

        Raises:
            DataError: there is no pair, or no truth for what shall choose the best epoch.
        """
        scores: Scores = defaultdict(list)
        pictures: dict[str, NDArray[np.uint8]] = {}
        device = self.model.levels_px.device
        with torch.inference_mode():
            for stream in self.streams.values():
                for batch in stream.batches(0):
                    here = moved(batch, device)
                    self._score(here, scores)
                    if len(pictures) < PICTURES:
                        pictures[f"Val/Pair_{len(pictures)}"] = pictured_stages(self.model, pair_of(here, None))
        scalars = {f"Val/{name}": float(np.mean(values)) for name, values in sorted(scores.items())}
        return self._result(scalars, pictures)

    def disparities(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        """Two views (B,3,H,W) in [0, 1] -> (B,H,W) pixels of the left view for each path that was built, by its name."""
        model, size = self.model, (left.shape[2], left.shape[3])
        seen = model.features(left)
        logits = {"mono": model.mono(seen, size)}
        if model.config.refined:
            logits["refined"] = model.refined(seen, size)
        if model.config.matching:
            logits["stereo"] = model.stereo_target(seen, model.features(right), size, direction=LEFT).logits
        return {name: model.disparity_px(one) for name, one in logits.items()}

    def _score(self, batch: Batch, scores: Scores) -> None:
        pair = pair_of(batch, None)
        found = self.disparities(pair.left, pair.right)
        for index in range(len(batch.keys)):
            one = slice(index, index + 1)
            losses = []
            for name, disparity in found.items():
                made = warp_by_disparity(pair.right[one], disparity[one], direction=LEFT)
                difference = photometric_difference(image=made, target=pair.left[one])
                seen = in_view(disparity[one], direction=LEFT)
                losses.append(float(masked_mean(difference, seen, over="valid")))
                scores[f"{name}/Loss"].append(losses[-1])
                self._measure(name, disparity[index], batch, index, scores)
            scores["Loss"].append(float(np.mean(losses)))

    def _measure(self, path: str, disparity_px: Tensor, batch: Batch, index: int, scores: Scores) -> None:
        """Errors in pixels and in metres of one (H,W) map, where the batch knows them."""
        sample = _sample(batch, index)
        if _has_true_pixels(sample):
            truth = true_pixels(sample)
            found = stereo_metrics(
                predicted_px=disparity_px[None].cpu(), target_px=truth.disparity_px[None], valid=truth.valid[None]
            )
            if bool(truth.valid.any()):
                scores[f"{path}/EPE"].append(float(found["epe_px"]))
                scores[f"{path}/D1_ALL"].append(float(found["d1"]))
        if sample.depth is None or sample.camera is None or sample.stereo is None or sample.kind is not DepthKind.METRIC:
            return
        depth_m = stereo_depth_m(
            disparity_px.cpu(), focal_px=sample.camera.matrix[0, 0], baseline_m=sample.stereo.baseline_m
        )
        prediction = DepthMap(values=depth_m.float().numpy(), valid=depth_m.isfinite().numpy(), kind=DepthKind.METRIC)
        try:
            score = score_judged(judged(Case(sample=sample, prediction=prediction), self._protocol))
        except UnscorableError:
            return
        for name, tag in TAGS.items():
            scores[f"{path}/{tag}"].append(score.metrics[name] if score.missing_pixels == 0 else float("nan"))

    @property
    def _protocol(self) -> Protocol:
        return Protocol(
            name="validation",
            dataset=None,
            needs=frozenset({Field.DEPTH}),
            score=DEPTH.score,
            range_m=(self.config.min_depth, self.config.max_depth),
            source="Leadline's own, at --full-size, metres through the rig of each pair",
        )

    def _result(self, scalars: dict[str, float], pictures: dict[str, NDArray[np.uint8]]) -> ValidationResult:
        spoken = "refined" if self.model.config.refined else "mono"
        two = "stereo" if self.model.config.matching else spoken
        tag = {
            "loss": "Val/Loss",
            "abs_rel": f"Val/{spoken}/ABS_REL",
            "delta1": f"Val/{spoken}/D1",
            "epe": f"Val/{two}/EPE",
        }[self.config.select_by]
        if tag not in scalars:
            raise DataError(
                expected=f"held-out pairs with what --select-by {self.config.select_by} needs",
                got="pairs without depth" if scalars else "no pair",
                remedy="say --select-by loss, or give a dataset with truth",
            )
        value, said = scalars[tag], tag
        if self.config.select_by == "delta1":  # the highest is best, and the engine takes the lowest
            value, said = 1.0 - value, f"1 - {tag}"
        return ValidationResult(scalars=scalars, selection=value, selection_name=said, pictures=pictures)


def _sample(batch: Batch, index: int) -> Sample:
    stereo = batch.stereo
    if stereo is not None:
        disparity, visible = stereo.disparity_px, stereo.visible
        stereo = StereoView(
            image=stereo.image[index].cpu(),
            baseline_m=stereo.baseline_m[index].cpu(),
            disparity_px=None if disparity is None else disparity[index].cpu(),
            visible=None if visible is None else visible[index].cpu(),
        )
    return Sample(
        key=batch.keys[index],
        dataset=batch.datasets[index],
        image=batch.image[index].cpu(),
        depth=None if batch.depth is None else batch.depth[index].cpu(),
        valid=None if batch.valid is None else batch.valid[index].cpu(),
        kind=batch.kind,
        camera=None if batch.camera is None else Camera(matrix=batch.camera.matrix[index].cpu()),
        stereo=stereo,
    )


def _has_true_pixels(sample: Sample) -> bool:
    """Whether ``true_pixels`` finds any."""
    if sample.stereo is not None and sample.stereo.disparity_px is not None:
        return True
    metres = sample.depth is not None and sample.valid is not None and sample.kind is DepthKind.METRIC
    return metres and sample.stereo is not None and sample.camera is not None
