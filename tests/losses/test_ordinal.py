# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import OrdinalPairs
from leadline.losses.ordinal import ordinal_ranking
from tests.losses.every_loss import TwoRanks

MAP = torch.tensor([[[1.0, 5.0], [2.0, torch.nan]]])


def pairs(*nearer_farther: tuple[tuple[int, int], tuple[int, int]], valid: list[bool] | None = None) -> OrdinalPairs:
    pixels = torch.tensor(nearer_farther)[None]
    known = torch.tensor([valid or [True] * len(nearer_farther)])
    return OrdinalPairs(nearer_rc=pixels[:, :, 0], farther_rc=pixels[:, :, 1], valid=known)


def test_ordinal_ranking__agrees_with_the_hand_value() -> None:
    value = ordinal_ranking(predicted_disparity=MAP, pairs=pairs(((0, 1), (0, 0)), ((0, 0), (1, 0))))
    assert value.item() == pytest.approx((math.log1p(math.exp(-4)) + math.log1p(math.exp(1))) / 2)


def test_ordinal_ranking__goes_to_zero_where_the_order_is_clear_and_grows_where_it_is_wrong() -> None:
    right, wrong = pairs(((0, 1), (0, 0))), pairs(((0, 0), (0, 1)))
    assert ordinal_ranking(predicted_disparity=30 * MAP, pairs=right).item() == pytest.approx(0, abs=1e-6)
    assert ordinal_ranking(predicted_disparity=30 * MAP, pairs=wrong).item() == pytest.approx(120)


def test_ordinal_ranking__a_common_shift_changes_nothing() -> None:
    two = pairs(((0, 1), (0, 0)), ((0, 0), (1, 0)))
    value = ordinal_ranking(predicted_disparity=MAP, pairs=two)
    torch.testing.assert_close(ordinal_ranking(predicted_disparity=MAP + 7, pairs=two), value)


def test_ordinal_ranking__reads_neither_padding_nor_unnamed_pixels() -> None:
    leaf = MAP.clone().requires_grad_()
    padded = pairs(((0, 1), (0, 0)), ((1, 1), (99, -99)), valid=[True, False])
    value = ordinal_ranking(predicted_disparity=leaf, pairs=padded)
    (found,) = torch.autograd.grad(value, leaf)
    assert torch.equal(value, ordinal_ranking(predicted_disparity=MAP, pairs=pairs(((0, 1), (0, 0)))))
    assert found.isfinite().all()
    assert (found[0, 1] == 0).all()


def test_ordinal_ranking__of_no_pair_is_zero_with_zero_gradient() -> None:
    leaf = MAP.nan_to_num(0).requires_grad_()
    value = ordinal_ranking(predicted_disparity=leaf, pairs=pairs(((0, 1), (0, 0)), valid=[False]))
    (found,) = torch.autograd.grad(value, leaf)
    assert value.item() == 0
    assert (found == 0).all()


def test_ordinal_ranking__takes_each_image_s_own_pairs() -> None:
    maps = torch.stack([MAP[0], -MAP[0]])
    one = pairs(((0, 1), (0, 0)))
    both = OrdinalPairs(
        nearer_rc=one.nearer_rc.expand(2, 1, 2), farther_rc=one.farther_rc.expand(2, 1, 2), valid=one.valid.expand(2, 1)
    )
    value = ordinal_ranking(predicted_disparity=maps, pairs=both)
    assert value.item() == pytest.approx((math.log1p(math.exp(-4)) + math.log1p(math.exp(4))) / 2)


def test_ordinal_ranking__has_the_right_gradient() -> None:
    leaf = torch.rand(1, 3, 3, dtype=torch.float64, requires_grad=True)
    two = pairs(((0, 1), (0, 0)), ((2, 2), (0, 1)))
    assert torch.autograd.gradcheck(lambda one: ordinal_ranking(predicted_disparity=one, pairs=two), leaf)


def test_ordinal_ranking__of_two_ranks_equals_that_of_one_process() -> None:
    maps = torch.stack([MAP[0], -MAP[0]])
    known = [[True, True], [True, False]]
    each = [pairs(((0, 1), (0, 0)), ((0, 0), (1, 0)), valid=one) for one in known]
    together = OrdinalPairs(
        nearer_rc=torch.cat([one.nearer_rc for one in each]),
        farther_rc=torch.cat([one.farther_rc for one in each]),
        valid=torch.cat([one.valid for one in each]),
    )

    def loss(maps: Tensor, rank: Tensor, _: Tensor, sum_across: object = None) -> Tensor:
        return ordinal_ranking(predicted_disparity=maps, pairs=each[int(rank)], sum_across=sum_across)  # type: ignore[arg-type]

    ranks = TwoRanks().losses(loss, [(maps[i : i + 1], torch.tensor(i), maps) for i in range(2)])  # type: ignore[arg-type]
    alone = ordinal_ranking(predicted_disparity=maps, pairs=together)
    torch.testing.assert_close(torch.stack(ranks), alone.expand(2))


def test_ordinal_ranking__pairs_of_another_batch_are_refused() -> None:
    with pytest.raises(ContractError, match=r"got \(2, 2, 2\), \(1, 1, 2\), \(1, 1, 2\), \(1, 1\); batch the pairs"):
        ordinal_ranking(predicted_disparity=MAP.expand(2, 2, 2), pairs=pairs(((0, 1), (0, 0))))
    loose = OrdinalPairs(nearer_rc=torch.zeros(1, 2), farther_rc=torch.zeros(1, 2), valid=torch.ones(1) > 0)
    with pytest.raises(ContractError, match=r"expected a map \(B,H,W\) with pairs \(B,P,2\)"):
        ordinal_ranking(predicted_disparity=MAP, pairs=loose)
