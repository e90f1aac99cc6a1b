# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError, UsageError
from leadline.geometry.levels import expected_disparity, exponential_levels
from tests.peer_tensors import peer_tensors


def test_levels__run_from_least_to_greatest_at_one_ratio() -> None:
    levels_px = exponential_levels()
    assert levels_px.shape == (49,)
    assert levels_px.dtype == torch.float32
    assert levels_px[0].item() == 2
    assert levels_px[-1].item() == pytest.approx(300, rel=1e-6)
    assert levels_px[24].item() == pytest.approx(600**0.5, rel=1e-6)
    torch.testing.assert_close(levels_px[1:] / levels_px[:-1], torch.full((48,), 1.1100313), rtol=1e-6, atol=0)


def test_levels__are_those_of_the_released_model() -> None:
    torch.testing.assert_close(
        exponential_levels(), peer_tensors("tio_decoder")["disparity_bins"].flatten(), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize("choice", [{"count": 1}, {"least_px": 0.0}, {"least_px": 300.0}, {"greatest_px": 1.0}])
def test_levels__that_cannot_be_are_refused(choice: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"pass e\.g\."):
        exponential_levels(**choice)  # type: ignore[arg-type]


def test_expected_disparity__of_an_undecided_pixel_is_the_mean_level() -> None:
    disparity_px = expected_disparity(torch.zeros(1, 49, 2, 3).softmax(dim=1), exponential_levels())
    torch.testing.assert_close(disparity_px, torch.full((1, 2, 3), 61.3943), rtol=1e-6, atol=0)
    assert 400.9 / disparity_px[0, 0, 0].item() == pytest.approx(6.5299, abs=1e-4)


def test_expected_disparity__of_a_sure_pixel_is_its_level() -> None:
    levels_px = exponential_levels()
    sure = torch.eye(49)[:, :, None].transpose(0, 1)[None]  # (1,49,49,1): row i is sure of level i
    torch.testing.assert_close(expected_disparity(sure, levels_px).flatten(), levels_px)


def test_expected_disparity__is_in_full_precision_and_agrees_with_the_released_one() -> None:
    stages = peer_tensors("tio_stages")
    for name in ("mono", "stereo"):
        probabilities = stages[f"in.{name}_logits_s"].softmax(dim=1)
        found = expected_disparity(probabilities, exponential_levels())
        torch.testing.assert_close(found, stages[f"left.stage2.{name}_disp_0_s"], rtol=1e-5, atol=1e-4)
    assert (
        expected_disparity(torch.full((1, 49, 1, 1), 1 / 49, dtype=torch.bfloat16), exponential_levels()).dtype
        == torch.float32
    )


def test_expected_disparity__names_the_number_of_planes_it_needs() -> None:
    with pytest.raises(ContractError, match=r"probabilities \(B,49,H,W\).*got a tensor of shape \(1, 48, 2, 2\)"):
        expected_disparity(torch.zeros(1, 48, 2, 2), exponential_levels())


def test_expected_disparity__is_as_exact_under_autocast() -> None:
    probabilities = torch.rand(1, 49, 4, 5, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = expected_disparity(probabilities, exponential_levels())
    assert torch.equal(found, expected_disparity(probabilities, exponential_levels()))
