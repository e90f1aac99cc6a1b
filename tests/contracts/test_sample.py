# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.sample import Batch, Sample


def test_sample__is_frozen_and_metric_unless_it_says_otherwise() -> None:
    sample = Sample(key="a", dataset="toy", image=torch.zeros(3, 2, 2))
    assert sample.kind is DepthKind.METRIC
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample.key = "b"  # type: ignore[misc]


def test_batch__carries_every_field_of_a_sample() -> None:
    of_sample = {field.name for field in dataclasses.fields(Sample)} - {"key", "dataset"}
    of_batch = {field.name for field in dataclasses.fields(Batch)} - {"keys", "datasets"}
    assert of_sample == of_batch
