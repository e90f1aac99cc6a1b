# SPDX-License-Identifier: Apache-2.0
"""Flags and this process's place among others enter; how it reads its share of every batch leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.data.loader import LoaderSettings

if TYPE_CHECKING:
    from leadline.recipes.supervised.data_config import DataConfig
    from leadline.training.distributed import Ranks


def loader_settings(config: DataConfig, ranks: Ranks | None) -> LoaderSettings:
    """Settings of this process, or of the only one that reads where ``ranks`` is None.

    Raises:
        UsageError: processes that cannot share a batch evenly.
    """
    world = ranks.world if ranks else 1
    if config.batch_size % world:
        raise UsageError(
            expected=f"--batch-size divisible by the {world} processes",
            got=str(config.batch_size),
            remedy="change one of them",
        )
    return LoaderSettings(
        batch_size=config.batch_size // world,
        workers=config.num_workers,
        ahead=config.prefetch_factor,
        pin_memory=config.pin_memory,
        seed=config.seed,
        on_unreadable=config.on_unreadable,
        rank=ranks.rank if ranks else 0,
        world=world,
    )
