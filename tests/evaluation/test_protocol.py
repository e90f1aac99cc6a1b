# SPDX-License-Identifier: Apache-2.0
"""The protocol record: it refuses what cannot be meant and writes down every choice."""

import json
import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from leadline.contracts.errors import ContractError, DataError
from leadline.evaluation.crops import GARG
from leadline.evaluation.protocol import Protocol, UnscorableError
from leadline.evaluation.protocols.da2k import DA2K
from leadline.evaluation.protocols.depth import DEPTH
from leadline.evaluation.protocols.relative import KITTI_RELATIVE, NYU_RELATIVE
from leadline.geometry.alignment import Alignment


def test_protocol__settings_record_every_choice() -> None:
    changed = replace(DEPTH, crop=GARG, range_m=(0.5, math.inf), alignment=Alignment.MEDIAN, tta="flip", clamp=False)
    settings = json.loads(json.dumps(changed.settings, allow_nan=False))
    assert settings == {
        "crop": "garg",
        "range_m": [0.5, None],
        "range_inclusive": True,
        "clamp": False,
        "alignment": "median",
        "convention": "depth",
        "resize": "bilinear-corners",
        "tta": "flip",
        "aggregation": "image-mean",
        "minimum_valid_pixels": 10,
        "beyond_range": "left-out",
        "clamp_m": None,
        "scaled": None,
        "resize_in": "kind",
        "boundary": False,
        "source": DEPTH.source,
    }


@pytest.mark.parametrize(
    ("original", "changes", "expected"),
    [
        (DEPTH, {"convention": "depth_gtmax"}, "alignment 'scale-shift-disparity' before convention 'depth_gtmax'"),
        (NYU_RELATIVE, {"convention": "disp"}, "no clamp to the range"),
        (NYU_RELATIVE, {"alignment": Alignment.MEDIAN, "convention": "disp", "clamp": False}, "before convention 'disp'"),
        (KITTI_RELATIVE, {"boundary": True}, "dense truth"),
        (DA2K, {"boundary": True}, "dense truth"),
    ],
)
def test_protocol__refuses_conventions_and_boundaries_that_cannot_be_meant(
    original: Protocol, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ContractError, match=expected):
        replace(original, **changes)


@pytest.mark.parametrize("range_m", [(-1.0, 5.0), (5.0, 5.0), (9.0, 1.0)])
def test_protocol__refuses_empty_ranges(range_m: tuple[float, float]) -> None:
    with pytest.raises(ContractError, match="0 <= min < max"):
        replace(DEPTH, range_m=range_m)


def test_protocol__refuses_alignments_it_does_not_allow() -> None:
    with pytest.raises(ContractError, match=r"'da2k' allows: none; got 'median'"):
        replace(DA2K, alignment=Alignment.MEDIAN)


def test_protocol__is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DEPTH.range_m = (0.0, 1.0)  # type: ignore[misc]


def test_unscorable__is_a_data_error() -> None:
    assert issubclass(UnscorableError, DataError)
