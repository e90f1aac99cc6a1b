# SPDX-License-Identifier: Apache-2.0
"""A predictor and a dataset enter; four panels for a few pictures leave: RGB, truth, a guess without looking, prediction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leadline.contracts.errors import DataError, UsageError
from leadline.contracts.sample import Field
from leadline.data.subset import EvenSubset
from leadline.evaluation.baselines import VerticalRamp
from leadline.evaluation.evaluate import predict
from leadline.evaluation.protocol import Case, UnscorableError
from leadline.evaluation.results import rounded
from leadline.evaluation.scoring import judged, score_judged
from leadline.rasters.colour import colourise, robust_range, with_legend
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import captioned, enlarged, tile, write_picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.predictor import Predicts
    from leadline.contracts.sample import Sample
    from leadline.data.dataset import DepthDataset
    from leadline.evaluation.protocol import Protocol
    from leadline.evaluation.scoring import Judged

FIGURES = 3
"""As the JEPA-depth reference's test writes."""
_FARTHEST_M = 100.0  # of the ramp, where a protocol has no end


def write_figures(predictor: Predicts, dataset: DepthDataset, protocol: Protocol, folder: Path) -> list[Path]:
    """``result_0.png`` to ``result_2.png`` of evenly spaced pictures; those that cannot be read or scored are passed over.

    Raises:
        UsageError: a dataset or protocol without depth.
        ContractError: the prediction is too weak for the protocol's alignment.
        StorageError: the folder cannot be written.
    """
    if Field.DEPTH not in dataset.provides & protocol.needs:
        raise UsageError(
            expected="a dataset and a protocol with depth for --figures",
            got=f"{dataset.name} by {protocol.name}",
            remedy="leave out --figures",
        )
    shown = EvenSubset(dataset, FIGURES)
    written = []
    for index in range(len(shown)):
        try:
            picture = four_panels(predictor, shown[index], protocol)
        except (DataError, UnscorableError):
            continue  # the evaluation has named it
        written.append(folder / f"result_{index}.png")
        write_picture(written[-1], picture)
    return written


def four_panels(predictor: Predicts, sample: Sample, protocol: Protocol) -> NDArray[np.uint8]:
    """RGB | truth | vertical ramp | prediction of one sample, its image (3, H, W) in [0, 1], as (h, w, 3) uint8.

    Ramp and prediction are shown as the protocol judges them, with AbsRel and RMSE; all depth has one scale in metres, that
    of the scored truth.

    Raises:
        UnscorableError: the protocol would leave the sample out.
        ContractError: the prediction is too weak for the protocol's alignment.
    """
    end_m = protocol.range_m[1]
    ramp = VerticalRamp(far_m=end_m if math.isfinite(end_m) else _FARTHEST_M)
    told = {"vertical ramp": _judged(ramp, sample, protocol), "prediction": _judged(predictor, sample, protocol)}
    known = told["prediction"]
    truth_m, scored = known.target_m.numpy(), known.scored.numpy()
    low, high = robust_range(truth_m, scored)

    def panel(values_m: NDArray[np.floating], valid: NDArray[np.bool_], title: str) -> NDArray[np.uint8]:
        coloured = enlarged(colourise(values_m, valid, low=low, high=high))
        return with_legend(coloured, low=low, high=high, unit="m", title=title)

    row = [captioned(enlarged(picture_from_tensor(sample.image)), "RGB"), panel(truth_m, scored, "truth")]
    for name, one in told.items():
        row.append(panel(one.predicted_m.numpy(), ~one.missing.numpy(), f"{name}: {_numbers(score_judged(one).metrics)}"))
    return tile([row])


def _judged(predictor: Predicts, sample: Sample, protocol: Protocol) -> Judged:
    (prediction,) = predict(predictor, [sample], protocol)
    return judged(Case(sample=sample, prediction=prediction), protocol)


def _numbers(metrics: Mapping[str, float]) -> str:
    return f"AbsRel {rounded(metrics['abs_rel'])}, RMSE {rounded(metrics['rmse'])}"
