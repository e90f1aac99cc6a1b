# SPDX-License-Identifier: Apache-2.0
"""Least differences and the auto-mask, by hand and against monodepth2's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.reprojection import TIE_BREAK, least_difference, source_differences, with_tie_break
from tests.shared_paths import stored


def maps(*per_source: list[float]) -> Tensor:
    """(1,S,1,W) differences."""
    return torch.tensor(per_source)[None, :, None]


def test_least_difference__takes_the_best_source_of_each_pixel() -> None:
    least = least_difference(maps([0.1, 0.5], [0.3, 0.2]))
    assert least.difference.tolist() == [[[pytest.approx(0.1), pytest.approx(0.2)]]]
    assert least.informs.all()


def test_least_difference__masks_what_a_standing_picture_explains_better() -> None:
    moved = maps([0.1, 0.5, 0.3], [0.4, 0.6, 0.3]).requires_grad_()
    standing = maps([0.2, 0.4, 0.3], [0.3, 0.9, 0.8]).requires_grad_()
    least = least_difference(moved, standing=standing)
    torch.testing.assert_close(least.difference, torch.tensor([[[0.1, 0.4, 0.3]]]))
    assert least.informs.tolist() == [[[True, False, False]]]  # equal is not better
    least.difference.sum().backward()  # type: ignore[no-untyped-call]
    assert moved.grad is not None
    assert moved.grad.flatten().tolist() == [1, 0, 0, 0, 0, 0]
    assert standing.grad is None


def test_least_difference__of_no_motion_informs_of_nothing() -> None:
    picture = torch.rand(2, 3, 8, 9)
    still = source_differences(images=picture[:, None], target=picture)
    assert not least_difference(still + 1e-3, standing=still).informs.any()
    torch.manual_seed(0)
    tossed = least_difference(still, standing=with_tie_break(still)).informs.float().mean()
    assert 0.2 < float(tossed) < 0.8


def test_tie_break__is_small_and_repeats_with_the_seed() -> None:
    zero = torch.zeros(1, 1, 100, 100)
    torch.manual_seed(3)
    one = with_tie_break(zero)
    assert float(one.std()) == pytest.approx(TIE_BREAK, rel=0.05)
    torch.manual_seed(3)
    assert torch.equal(one, with_tie_break(zero))


def test_source_differences__are_monodepth2s_of_each_source() -> None:
    known = stored("monodepth2")
    one, other = (torch.from_numpy(known[name]) for name in ("img_a", "img_b"))
    found = source_differences(images=torch.stack([other, one], dim=1), target=one)
    wanted = 0.85 * known["ssim.map"].mean(1) + 0.15 * np.abs(known["img_a"] - known["img_b"]).mean(1)
    np.testing.assert_allclose(found[:, 0].numpy(), wanted, atol=1e-5)
    assert float(found[:, 1].abs().max()) < 1e-6
    plain = source_differences(images=other[:, None], target=one, ssim_weight=0.0)
    torch.testing.assert_close(plain[:, 0], (one - other).abs().mean(1))


def test_least_difference__has_the_gradient_of_its_minimum() -> None:
    moved = torch.rand(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    standing = torch.rand(1, 2, 3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda one: least_difference(one, standing=standing).difference, moved)


def test_least_difference__refuses_no_source_and_other_sizes() -> None:
    with pytest.raises(ContractError, match=r"at least one moved picture.*neighbours, or a second view"):
        least_difference(torch.zeros(1, 0, 2, 2))
    with pytest.raises(ContractError, match="at the size of the target"):
        least_difference(torch.zeros(1, 1, 2, 2), standing=torch.zeros(1, 1, 2, 3))
    with pytest.raises(ContractError, match="at the size of the target"):
        least_difference(torch.zeros(1, 1, 2, 2), standing=torch.zeros(2, 1, 2, 2))
