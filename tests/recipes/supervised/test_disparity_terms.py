# SPDX-License-Identifier: Apache-2.0
from typing import get_args

import pytest
import torch

from leadline.recipes.supervised.data_config import Objective
from leadline.recipes.supervised.disparity_terms import disparity_terms


@pytest.mark.parametrize("objective", get_args(Objective))
def test_disparity_terms__each_pair_keeps_its_weights_and_judges_maps(objective: Objective) -> None:
    terms = disparity_terms(objective, whole=0.5, gradient=3.0)
    assert [weight for weight, _ in terms.values()] == [0.5, 3.0]
    truth = torch.rand(2, 8, 9, generator=torch.Generator().manual_seed(0)) + 0.5
    for _, term in terms.values():
        same, other = (float(term(predicted=one, target=truth, valid=truth > 0)) for one in (truth, truth.flip(2)))
        assert same == pytest.approx(0, abs=1e-3)
        assert other > 0.05


def test_disparity_terms__only_the_affine_invariant_pair_is_blind_to_a_shift() -> None:
    truth = torch.rand(2, 8, 9, generator=torch.Generator().manual_seed(0)) + 0.5
    maps = {"predicted": 2 * truth + 1, "target": truth, "valid": truth > 0}
    costs = {
        name: float(term(**maps))
        for objective in get_args(Objective)
        for name, (_, term) in disparity_terms(objective, whole=1, gradient=1).items()
    }
    assert costs["SSI"] == pytest.approx(0, abs=1e-5)
    assert costs["Grad"] == pytest.approx(0, abs=1e-4)
    assert costs["SILog"] > 0.1
    assert costs["Sobel"] > 0.1
