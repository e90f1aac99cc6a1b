# SPDX-License-Identifier: Apache-2.0
from typing import get_args, get_type_hints

import pytest
import torch

from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from leadline.recipes.staged.perturbations import PERTURBATIONS
from tests.recipes.staged.toy import pictures_batch


@pytest.mark.parametrize("schema", [SemiSupervisedConfig, DistillationConfig])
def test_perturbations__are_those_that_the_flag_names(schema: type) -> None:
    assert set(get_args(get_type_hints(schema)["perturbation"])) == set(PERTURBATIONS)


@pytest.mark.parametrize("name", ["strong", "reference"])
def test_perturbations__change_colours_and_keep_the_range(name: str) -> None:
    image, change = pictures_batch(8).image, PERTURBATIONS[name]
    assert change is not None
    found = change(image, torch.Generator().manual_seed(0))
    assert found.shape == image.shape
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert not torch.allclose(found, image)
