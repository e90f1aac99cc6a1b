# SPDX-License-Identifier: Apache-2.0
"""What KITTI 2015 knows of a pair is one record that nobody changes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
import torch

from leadline.data.kitti_2015_annotations import Kitti2015Annotations


def test_kitti_2015_annotations__hold_both_truths_and_the_cars_and_cannot_be_written() -> None:
    one, mask = torch.ones(2, 3), torch.ones(2, 3, dtype=torch.bool)
    known = Kitti2015Annotations(
        all_disparity_px=one, all_valid=mask, visible_disparity_px=2 * one, visible_valid=~mask, foreground=mask
    )
    assert [field.name for field in fields(known)] == [
        "all_disparity_px",
        "all_valid",
        "visible_disparity_px",
        "visible_valid",
        "foreground",
    ]
    with pytest.raises(FrozenInstanceError):
        known.foreground = mask  # type: ignore[misc]
