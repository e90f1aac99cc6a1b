# SPDX-License-Identifier: Apache-2.0
"""What embeddings look like, in the log of every update, and said aloud where they collapse."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from leadline.losses.embedding_statistics import embedding_statistics
from leadline.losses.sigreg import SigregSettings
from leadline.recipes.jepa.watch import SETTLED, TAGS, EmbeddingWatch
from tests.recipes.jepa.toy import START

SETTINGS = SigregSettings(slices=32)


def spread(seed: int = 0) -> Tensor:
    return torch.randn(2, 64, 5, generator=torch.Generator().manual_seed(seed))


def watched(watch: EmbeddingWatch, embeddings: Tensor, step: int, epoch: int = 0) -> None:
    progress = replace(START, step=step, epoch=epoch)
    watch.note(watch.look(embeddings, progress), progress)


def test_embedding_watch__logs_what_it_saw_when_it_last_looked() -> None:
    watch = EmbeddingWatch(SETTINGS, interval=4)
    watched(watch, spread(), 0)
    expected = embedding_statistics(spread(), step=0, settings=SETTINGS).summary()
    assert tuple(expected) == TAGS
    assert {name: round(float(value), 4) for name, value in watch.parts().items()} == {
        f"Embedding{tag}": round(value, 4) for tag, value in expected.items()
    }
    watched(watch, spread(1), 3)
    assert watch.look(spread(1), replace(START, step=3)) is None
    assert float(watch.parts()["EmbeddingStatistic"]) == pytest.approx(expected["Statistic"], rel=1e-5)
    watched(watch, spread(1), 4)
    assert float(watch.parts()["EmbeddingStatistic"]) != pytest.approx(expected["Statistic"], rel=1e-5)


def test_embedding_watch__looks_once_at_an_update_of_several_batches() -> None:
    watch = EmbeddingWatch(SETTINGS, interval=1)
    watched(watch, spread(0), 0)
    before = watch.parts()
    watched(watch, spread(1), 0)
    assert all(torch.equal(before[name], value) for name, value in watch.parts().items())


def test_embedding_watch__a_resumed_run_logs_the_numbers_of_before() -> None:
    watch, resumed = EmbeddingWatch(SETTINGS, interval=10), EmbeddingWatch(SETTINGS, interval=10)
    watched(watch, spread(), 0)
    resumed.load_state_dict(watch.state_dict())
    assert all(torch.equal(resumed.parts()[name], value) for name, value in watch.parts().items())


def test_embedding_watch__tells_of_a_collapse_once_an_epoch(caplog: pytest.LogCaptureFixture) -> None:
    watch, collapsed = EmbeddingWatch(SETTINGS, interval=1), torch.zeros(2, 64, 5)
    with caplog.at_level(logging.WARNING):
        watched(watch, collapsed, 0)
        assert not caplog.messages  # a new projector begins anywhere
        for step in (SETTLED, SETTLED + 1):
            watched(watch, collapsed, step)
        assert len(caplog.messages) == 1
        assert "have collapsed" in caplog.messages[0]
        watched(watch, collapsed, SETTLED + 2, epoch=1)
        assert [message.startswith("epoch 2") for message in caplog.messages] == [False, True]


def test_embedding_watch__says_nothing_of_embeddings_that_are_well(caplog: pytest.LogCaptureFixture) -> None:
    watch = EmbeddingWatch(SETTINGS, interval=1)
    with caplog.at_level(logging.WARNING):
        for step in range(SETTLED, SETTLED + 5):
            watched(watch, spread(step), step)
    assert not caplog.messages
