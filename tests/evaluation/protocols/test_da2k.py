# SPDX-License-Identifier: Apache-2.0
"""DA-2K: perfect, inverted and tied predictors score 100, 0 and 0 percent; micro, macro and per-scene means."""

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Sample
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.protocol import Case
from leadline.evaluation.protocols.da2k import DA2K, score_pairs
from tests.evaluation.toys import ToyPredictor, ToyScenes

# scenes of 3, 2, 3 and 2 pairs
SCENES = ToyScenes(
    count=4, keys=("images/indoor/0.jpg", "images/indoor/1.jpg", "images/indoor/2.jpg", "images/aerial/3.jpg")
)
SETTINGS = EvaluationSettings(resamples=50)


@pytest.mark.parametrize("kind", DepthKind)
@pytest.mark.parametrize(("exponent", "accuracy"), [(1, 1.0), (-1, 0.0), (0, 0.0)])
def test_da2k__perfect_inverted_and_tied(kind: DepthKind, exponent: int, accuracy: float) -> None:
    signed = -exponent if kind.near_is_large else exponent
    result = evaluate(ToyPredictor(change=lambda z: z**signed, kind=kind), SCENES, DA2K, settings=SETTINGS)
    assert set(result.metrics) == {"accuracy", "accuracy/aerial", "accuracy/indoor", "accuracy_macro"}
    assert set(result.metrics.values()) == {accuracy}


def test_da2k__micro_counts_pairs_and_macro_counts_scenes() -> None:
    def blind_in_scene_three(depth_m: torch.Tensor) -> torch.Tensor:
        return depth_m if abs(float(depth_m[0, 0]) - 2.0) > 0.01 or float(depth_m[0, -1]) < 3.2 else 0 * depth_m

    result = evaluate(ToyPredictor(change=blind_in_scene_three), SCENES, DA2K, settings=SETTINGS)
    assert result.metrics["accuracy"] == pytest.approx(8 / 10)
    assert result.metrics["accuracy/indoor"] == 1.0
    assert result.metrics["accuracy/aerial"] == 0.0
    assert result.metrics["accuracy_macro"] == 0.5
    assert result.settings["aggregation"] == "pair-mean"


def test_da2k__is_scored_at_the_original_size() -> None:
    result = evaluate(ToyPredictor(factor=4), SCENES, DA2K, settings=SETTINGS)
    assert result.metrics["accuracy"] == 1.0


def test_da2k__needs_pairs() -> None:
    prediction = ToyPredictor().predict_batch([torch.zeros(4, 4, 3).byte().numpy()])[0]
    with pytest.raises(ContractError, match="ordinal pairs"):
        score_pairs(Case(sample=Sample(key="x", dataset="d", image=torch.zeros(3, 4, 4)), prediction=prediction), DA2K)
