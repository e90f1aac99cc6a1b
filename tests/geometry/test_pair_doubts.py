# SPDX-License-Identifier: Apache-2.0
"""Each thing that can be wrong with a pair is said by its own sentence, and a good pair draws none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from leadline.contracts.errors import ContractError
from leadline.geometry.pair_doubts import PairDoubt, PairEvidence, doubt_about, pair_evidence
from tests.geometry.textures import colours, seen_at
from tests.shared_paths import shared

HEIGHT, WIDTH = 96, 200
WIDE = colours(HEIGHT + 8, WIDTH + 80)


def view(disparity_px: int) -> Tensor:
    return seen_at(WIDE, disparity_px=disparity_px, height=HEIGHT, width=WIDTH)


def evidence(left: Tensor, right: Tensor) -> PairEvidence:
    found = pair_evidence(left=left, right=right)
    assert found is not None
    return found


def doubt(left: Tensor, right: Tensor, baseline_m: float = 0.5) -> PairDoubt | None:
    return doubt_about(evidence(left, right), baseline_m=baseline_m)


def test_doubt_about__a_good_pair_there_is_none() -> None:
    assert doubt(view(0), view(12)) is None


def test_doubt_about__exchanged_views_says_so_whatever_the_baseline() -> None:
    for baseline_m in (0.5, -0.5):
        found = doubt(view(12), view(0), baseline_m)
        assert found is not None
        assert "further right" in found.got
        assert "exchange left and right" in found.remedy


def test_doubt_about__a_pair_mirrored_without_exchange_says_the_same() -> None:
    found = doubt(view(0).flip(-1), view(12).flip(-1))
    assert found is not None
    assert "undo the mirroring" in found.remedy


def test_doubt_about__a_negative_baseline_says_so_where_the_pictures_are_right() -> None:
    found = doubt(view(0), view(12), -0.54)
    assert found is not None
    assert found.got == "-0.54 m"
    assert "sign" in found.remedy


@pytest.mark.parametrize("rows", [-3, 2])
def test_doubt_about__rows_that_do_not_match_says_by_how_much(rows: int) -> None:
    found = doubt(view(0), view(12).roll(rows, dims=1))
    assert found is not None
    assert f"{abs(rows)}." in found.got or f"{abs(rows) - 1}.9" in found.got
    assert "rectify" in found.remedy


def test_doubt_about__a_turned_camera_says_rows_too() -> None:
    angle = torch.tensor(2.0).deg2rad()
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin() * HEIGHT / WIDTH, torch.tensor(0.0)]),
                        torch.stack([angle.sin() * WIDTH / HEIGHT, angle.cos(), torch.tensor(0.0)])])  # fmt: skip
    grid = functional.affine_grid(turn[None], [1, 3, HEIGHT, WIDTH], align_corners=False)
    turned = functional.grid_sample(view(12)[None], grid, padding_mode="border", align_corners=False)[0]
    found = doubt(view(0), turned)
    assert found is not None
    assert "above or below" in found.got


def test_doubt_about__a_pair_without_texture_says_so() -> None:
    grey = torch.full((3, HEIGHT, WIDTH), 0.4)
    found = doubt(grey, grey)
    assert found is not None
    assert found.got == "0 textured patches"


def test_doubt_about__pictures_of_two_places_says_they_do_not_belong_together() -> None:
    found = doubt(view(0), colours(HEIGHT, WIDTH, seed=9))
    assert found is not None
    assert "found again" in found.got


def test_doubt_about__one_picture_twice_says_so() -> None:
    found = doubt(view(0), view(0))
    assert found is not None
    assert "same place in both" in found.got


def test_doubt_about__few_matches_with_known_rows_are_not_called_unrectified() -> None:
    found = evidence(view(0), view(12).roll(3, dims=1))
    unknown = PairEvidence(
        rows=found.rows,
        columns=found.columns,
        disparity_px=found.disparity_px,
        vertical_px=found.vertical_px,
        vertical_known=torch.zeros_like(found.vertical_known),
        textured=found.textured,
        pixel_px=found.pixel_px,
    )
    assert doubt_about(unknown, baseline_m=0.5) is None


def test_pair_evidence__counts_in_pixels_of_the_given_pictures() -> None:
    wide = colours(240, 1040 + 80, seed=3)
    left, right = (seen_at(wide, disparity_px=d, height=240, width=1024) for d in (0, 30))
    found = evidence(left, right)
    assert found.pixel_px == 2.0
    assert float(found.disparity_px.median()) == pytest.approx(30, abs=0.5)
    assert float(found.columns.max()) > 600
    assert float(found.vertical_px.abs().median()) < 0.5


def test_doubt_about__rows_forgives_wide_pictures_a_pixel_and_no_more() -> None:
    wide = colours(240, 1040 + 80, seed=3)
    left, right = (seen_at(wide, disparity_px=d, height=240, width=1024) for d in (0, 30))
    assert doubt(left, right.roll(1, dims=1)) is None  # half a row of the 512 columns that are matched
    found = doubt(left, right.roll(3, dims=1))
    assert found is not None
    assert "above or below" in found.got


def test_pair_evidence__refuses_pictures_of_two_sizes_and_says_nothing_of_tiny_ones() -> None:
    with pytest.raises(ContractError, match="96x200 and 96x199"):
        pair_evidence(left=view(0), right=view(12)[..., :-1])
    assert pair_evidence(left=view(0)[:, :20], right=view(12)[:, :20]) is None


@pytest.mark.parametrize("folder", ["kitti_odometry_pair", "foundation_pair"])
def test_doubt_about__real_pairs_is_none_and_exchanged_it_is(folder: str) -> None:
    left, right = (picture(shared(f"data/stereo/{folder}") / f"{side}.png") for side in ("left", "right"))
    assert doubt(left, right) is None
    exchanged = doubt(right, left)
    assert exchanged is not None
    assert "exchange" in exchanged.remedy
    shifted = doubt(left, right.roll(6, dims=1))
    assert shifted is not None
    assert "rectify" in shifted.remedy


def picture(path: Path) -> Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.asarray(image.convert("RGB"), np.float32) / 255).permute(2, 0, 1)
