# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.sample import Batch, Sample, ViewStack


def test_sample__is_frozen_and_metric_unless_it_says_otherwise() -> None:
    sample = Sample(key="a", dataset="toy", image=torch.zeros(3, 2, 2))
    assert sample.kind is DepthKind.METRIC
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample.key = "b"  # type: ignore[misc]


def test_batch__carries_every_field_of_a_sample() -> None:
    of_sample = {field.name for field in dataclasses.fields(Sample)} - {"key", "dataset"}
    of_batch = {field.name for field in dataclasses.fields(Batch)} - {"keys", "datasets"}
    assert of_sample == of_batch


def test_view_stack__carries_every_field_of_a_view() -> None:
    of_view = {field.name for field in dataclasses.fields(ViewStack)} - {"to_source"}
    assert of_view == {"image", "depth", "valid", "camera"}
    assert of_view <= {field.name for field in dataclasses.fields(Sample)}
