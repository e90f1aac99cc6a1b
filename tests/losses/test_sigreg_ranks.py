# SPDX-License-Identifier: Apache-2.0
"""LeJEPA on two real processes: loss and averaged gradient against one process, and reduces that must not pass for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from leadline.losses.lejepa import LejepaTerms, lejepa, lejepa_of_sums
from leadline.losses.pooling import SumAcross, keep
from leadline.losses.sigreg import SigregSettings, characteristic_sums, directions
from leadline.training.distributed import sum_across
from tests.training.test_distributed import on_two_ranks

V, N, WIDTH, DIMENSION, STEP = 3, 24, 10, 16, 7
SETTINGS = SigregSettings(slices=128)
SPLITS = {"even": 12, "uneven": 17, "nothing on one": 24}
"""How many samples the first rank has."""


def local_only(values: Tensor) -> Tensor:
    """Each rank by itself."""
    return keep(values)


def discarded(values: Tensor) -> Tensor:
    """An all-reduce whose result nobody takes; it does not work in place."""
    sum_across(values)
    return values


def without_gradient(values: Tensor) -> Tensor:
    """A bare all-reduce, of which autograd knows nothing."""
    total = values.clone()
    dist.all_reduce(total.detach())  # shares its storage
    return total


REDUCES: dict[str, SumAcross] = {
    "ours": sum_across,
    "local_only": local_only,
    "discarded": discarded,
    "without_gradient": without_gradient,
}
MUTANTS = [name for name in REDUCES if name != "ours"]

Found = dict[str, Tensor]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(WIDTH, 32), nn.Tanh(), nn.Linear(32, DIMENSION)).double()


def pictures() -> Tensor:
    return torch.randn(V, N, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def found_by(net: nn.Module, terms: LejepaTerms) -> Found:
    gradients = {name.removeprefix("module."): one.grad for name, one in net.named_parameters() if one.grad is not None}
    return {**{name: one.detach() for name, one in terms._asdict().items()}, **gradients}


def whole_batch() -> Found:
    """What one process finds."""
    net = network()
    terms = lejepa(net(pictures()), n_global=2, lamb=0.2, step=STEP, settings=SETTINGS)
    terms.loss.backward()  # type: ignore[no-untyped-call]
    return found_by(net, terms)


def check(found: Found, expected: Found) -> None:
    assert found.keys() >= expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-6, atol=1e-9, msg=name)


def one_step(mine: Tensor, reduce: SumAcross) -> Found:
    net = DistributedDataParallel(network())
    terms = lejepa(net(mine), n_global=2, lamb=0.2, step=STEP, settings=SETTINGS, sum_across=reduce)
    terms.loss.backward()  # type: ignore[no-untyped-call]
    return found_by(net, terms)


def in_two_passes(mine: Tensor, reduce: SumAcross) -> Found:
    """Two micro-batches on each rank, whose gradients are averaged once."""
    net = DistributedDataParallel(network())
    parts = mine.split([mine.shape[1] // 3, mine.shape[1] - mine.shape[1] // 3], dim=1)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        first, second = (characteristic_sums(net(part), step=STEP, settings=SETTINGS) for part in parts)
    sums = (first + second).across(reduce)
    shares: list[LejepaTerms] = []

    def descend(part: Tensor) -> None:
        share = lejepa_of_sums(net(part), sums, n_global=2, lamb=0.2, step=STEP, settings=SETTINGS).across(reduce)
        share.loss.backward()  # type: ignore[no-untyped-call]
        shares.append(share)

    with net.no_sync():
        descend(parts[0])
    descend(parts[1])
    return found_by(net, LejepaTerms(*(torch.stack(terms).sum() for terms in zip(*shares, strict=True))))


WAYS: dict[str, Callable[[Tensor, SumAcross], Found]] = {"one_step": one_step, "in_two_passes": in_two_passes}


def _work(rank: int, folder: Path) -> None:
    found = {}
    for split, first in SPLITS.items():
        mine = pictures()[:, slice(0, first) if rank == 0 else slice(first, N)]
        for way, run in WAYS.items():
            for name, reduce in REDUCES.items():
                found[f"{way}/{split}/{name}"] = run(mine, reduce)
    found["directions"] = {"directions": directions(DIMENSION, SETTINGS, step=STEP)}
    torch.save(found, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Found]]:
    """What both ranks found, once for all tests."""
    folder = tmp_path_factory.mktemp("ranks")
    assert on_two_ranks(_work, folder) == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


each_split = pytest.mark.parametrize("split", SPLITS)
each_way = pytest.mark.parametrize("way", WAYS)


@each_way
@each_split
def test_two_ranks__have_loss_and_averaged_gradient_of_one_process(
    ranks: list[dict[str, Found]], split: str, way: str
) -> None:
    for found in ranks:
        check(found[f"{way}/{split}/ours"], whole_batch())


@each_way
@each_split
@pytest.mark.parametrize("mutant", MUTANTS)
def test_two_ranks__with_a_wrong_reduce_do_not_pass_the_same_check(
    ranks: list[dict[str, Found]], split: str, way: str, mutant: str
) -> None:
    with pytest.raises(AssertionError):
        check(ranks[0][f"{way}/{split}/{mutant}"], whole_batch())


def test_a_reduce_without_gradient__has_the_right_loss_and_half_the_gradient(ranks: list[dict[str, Found]]) -> None:
    found, expected = ranks[0]["one_step/even/without_gradient"], whole_batch()
    check(found, {name: expected[name] for name in LejepaTerms._fields})
    check(found, {name: one if name in LejepaTerms._fields else one / 2 for name, one in expected.items()})


def test_two_ranks__draw_the_directions_of_one_process(ranks: list[dict[str, Found]]) -> None:
    for found in ranks:
        assert torch.equal(found["directions"]["directions"], directions(DIMENSION, SETTINGS, step=STEP))
