# SPDX-License-Identifier: Apache-2.0
"""How a process reads its share of a batch, by the flags."""

from __future__ import annotations

import pytest

from leadline.contracts.errors import UsageError
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.supervised.loading import loader_settings
from leadline.training.distributed import Ranks


def test_loader_settings__say_what_the_flags_say_and_which_share_is_this_process_s() -> None:
    config = MetricConfig(batch_size=6, num_workers=3, prefetch_factor=5, seed=7, on_unreadable="skip", pin_memory=False)
    found = loader_settings(config, Ranks(rank=1, world=2))
    assert (found.batch_size, found.workers, found.ahead, found.seed) == (3, 3, 5, 7)
    assert (found.rank, found.world, found.on_unreadable, found.pin_memory) == (1, 2, "skip", False)
    alone = loader_settings(config, None)
    assert (alone.batch_size, alone.rank, alone.world) == (6, 0, 1)


def test_loader_settings__refuse_a_batch_that_processes_cannot_share() -> None:
    with pytest.raises(UsageError, match="--batch-size divisible by the 4 processes"):
        loader_settings(MetricConfig(batch_size=6), Ranks(world=4))
