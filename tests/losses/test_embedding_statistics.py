# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import re
import threading
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.losses.embedding_statistics import (
    ENOUGH,
    EmbeddingStatistics,
    RunningStatistic,
    alarms,
    embedding_statistics,
)
from leadline.losses.pooling import keep
from leadline.losses.sigreg import null_statistic, sigreg
from tests.losses.every_loss import TwoRanks

N, D = 128, 64


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def look(embeddings: Tensor) -> EmbeddingStatistics:
    return embedding_statistics(embeddings, step=0)


def test_statistics__of_normal_embeddings_are_what_chance_says() -> None:
    found = look(noise(2, 512, D))
    assert found.null == null_statistic()
    assert found.statistic.tolist() == pytest.approx([found.null] * 2, abs=0.3)
    assert found.statistic[0].item() == pytest.approx(sigreg(noise(2, 512, D)[0], step=0).item())
    assert found.count == 512
    assert 60 < found.effective_rank <= D
    assert found.spread.tolist() == pytest.approx([1] * D, abs=0.1)
    assert found.mean_norm.item() == pytest.approx(math.sqrt(D), rel=0.02)
    assert found.view_agreement.item() == pytest.approx(0, abs=0.03)
    assert alarms(found, running=found.null) == []


@pytest.mark.parametrize("rank", [1, 5, 64])
def test_effective_rank__is_the_number_of_equal_singular_values(rank: int) -> None:
    left, right = (torch.linalg.qr(noise(64, rank, seed=seed)).Q for seed in (0, 1))
    assert look((left @ right.T)[None]).effective_rank.item() == pytest.approx(rank, rel=1e-3)


def test_effective_rank__of_uneven_singular_values_is_the_exponential_of_their_entropy() -> None:
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert look(torch.diag(torch.tensor([3.0, 1.0]))[None]).effective_rank.item() == pytest.approx(math.exp(entropy))
    assert look(torch.zeros(1, 8, 4)).effective_rank == 0


def test_spread_and_norm__are_those_of_all_views_together() -> None:
    views = torch.tensor([[[3.0, 4.0], [0.0, 0.0]], [[3.0, 4.0], [6.0, 8.0]]])
    found = look(views)
    assert found.spread.tolist() == pytest.approx(views.flatten(0, 1).std(0).tolist())
    assert found.mean_norm.item() == pytest.approx(5)


def test_view_agreement__is_one_for_views_alike_and_about_zero_for_strangers() -> None:
    view = noise(1, N, D) + 3
    assert look(view.expand(4, N, D)).view_agreement.item() == pytest.approx(1)
    assert look(view).view_agreement == 1
    assert look(noise(4, N, D) + 3).view_agreement.item() == pytest.approx(0, abs=0.03)
    assert look(torch.cat([view - 3, 3 - view])).view_agreement.item() == pytest.approx(-1, abs=0.02)
    assert look(torch.full((3, N, D), 0.1)).view_agreement == 0
    half = look(view + 0.5**0.5 * noise(2, N, D, seed=1))
    assert half.view_agreement.item() == pytest.approx(1 / 1.5, abs=0.03)


@pytest.mark.parametrize(
    ("collapsed", "share"),
    [
        (torch.zeros(2, N, D), "0.40"),
        ((noise(1, D) / noise(1, D).norm()).expand(2, N, D), "0.4[12]"),
        (noise(N, 1, seed=1) * noise(2, 1, D), "0.[12]"),
        (3 * noise(2, N, D), "0.[3-5]"),
    ],
    ids=["zeros", "one point", "one direction", "too wide"],
)
def test_alarms__tell_of_a_collapse(collapsed: Tensor, share: str) -> None:
    (sentence,) = alarms(look(collapsed))
    assert sentence.startswith("embeddings are far from normal or have collapsed")
    assert re.search(rf"statistic is {share}\d* per sample.*effective rank [\d.]+ of 64", sentence)


def test_alarms__look_at_the_worst_view() -> None:
    assert alarms(look(torch.stack([noise(N, D), torch.zeros(N, D)])))


def test_alarms__are_silent_where_few_samples_make_the_null_value_large() -> None:
    found = look(noise(2, 4, D))
    assert found.statistic.max() > 0.1 * 4
    assert alarms(found) == []
    assert alarms(look(torch.zeros(2, 16, D)))


def test_alarms__tell_of_a_normalised_output() -> None:
    normalised = torch.nn.BatchNorm1d(D, affine=False)(noise(N, D))[None]
    running = RunningStatistic()
    for step in range(ENOUGH):
        assert running.mean is None
        running.add(embedding_statistics(normalised, step=step))
    assert running.mean == pytest.approx(0.57, abs=0.04)
    (sentence,) = alarms(look(normalised), running=running.mean)
    assert "mean statistic of 0.5" in sentence
    assert "below the 1.05 of independent ones" in sentence
    assert "few samples (128)" in sentence
    assert alarms(look(noise(1, N, D)), running=0.81) == []


def test_running_statistic__is_a_mean_that_forgets() -> None:
    running, found = RunningStatistic(), look(noise(1, 8, 4))
    for value in range(1, ENOUGH + 1):
        running.add(replace(found, statistic=torch.tensor([float(value)])))
    assert running.mean == pytest.approx((ENOUGH + 1) / 2)
    for _ in range(1000):
        running.add(replace(found, statistic=torch.tensor([7.0])))
    assert running.mean == pytest.approx(7, abs=1e-3)


def test_statistics__of_nan_are_nan_and_alarm() -> None:
    broken = noise(2, 16, 8)
    broken[0, 3, 2] = torch.nan
    found = look(broken)
    assert found.statistic[0].isnan()
    assert found.effective_rank.isnan()
    assert alarms(found) == ["an embedding is not finite"]


def test_summary__is_one_number_per_line_of_a_plot() -> None:
    found = look(noise(2, 16, 8))
    summary = found.summary()
    assert summary["SmallestSpread"] == found.spread.min().item() < summary["MeanSpread"]
    assert summary["Statistic"] == found.statistic.mean().item()
    assert all(isinstance(value, float) for value in summary.values())


def test_statistics__have_no_gradient() -> None:
    found = look(noise(2, 16, 8).requires_grad_())
    tensors = [value for field in fields(found) if isinstance(value := getattr(found, field.name), Tensor)]
    assert len(tensors) == 6
    assert not any(value.requires_grad for value in tensors)


def test_statistics__of_two_uneven_ranks_are_those_of_one_process() -> None:
    views, found = noise(3, 40, 8) + 1, {}
    exchange = TwoRanks()

    def on_rank(part: Tensor, _: Tensor, __: Tensor, sum_across: object = keep) -> Tensor:
        found[threading.get_ident()] = embedding_statistics(part, step=0, sum_across=sum_across)  # type: ignore[arg-type]
        return part

    exchange.losses(on_rank, [(views[:, part], views, views) for part in (slice(0, 31), slice(31, 40))])  # type: ignore[arg-type]
    alone = look(views)
    for ranks in found.values():
        assert ranks.summary() == pytest.approx(alone.summary(), rel=1e-5)
        torch.testing.assert_close(ranks.spread, alone.spread)
        assert ranks.count == 40


def test_statistics__of_a_single_view_without_its_dimension_are_refused() -> None:
    with pytest.raises(ContractError, match=r"expected embeddings \(V,N,D\).*; got \(16, 8\)"):
        look(noise(16, 8))
