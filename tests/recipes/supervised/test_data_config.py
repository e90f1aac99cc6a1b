# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.supervised.data_config import DataConfig


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"min_depth": 5.0, "max_depth": 1.0}, "--max-depth"),
        ({"min_depth": 0.0}, "--min-depth"),
        ({"target_size": (1, 2, 3)}, "--target-size"),
        ({"datasets": ()}, "--datasets"),
        ({"datasets": ("nyu", "nyu")}, "--datasets"),
        ({"epoch_images": -5}, "--epoch-images of at least 0"),
        ({"validation_images": -3}, "--validation-images of at least 0"),
        ({"rotate_deg": -1.0}, "--rotate-deg from 0 to 45"),
        ({"rotate_deg": 90.0}, "--rotate-deg from 0 to 45"),
        ({"num_workers": -1}, "--num-workers of at least 0"),
        ({"dataset_weights": (1.0, float("nan"))}, "--dataset-weights of 0 or more"),
        ({"dataset_weights": (-1.0,)}, "--dataset-weights of 0 or more"),
        ({"num_epochs": 0}, "--num-epochs of at least 1"),
    ],
)
def test_data_config__refuses_what_cannot_be_meant(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        DataConfig(**changes)


def test_data_config__size_is_one_side_or_height_and_width() -> None:
    assert DataConfig(target_size=(392,)).size == (392, 392)
    assert DataConfig(target_size=(392, 518)).size == (392, 518)
