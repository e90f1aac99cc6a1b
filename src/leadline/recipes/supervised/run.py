# SPDX-License-Identifier: Apache-2.0
"""One run from flags to report, for every supervised recipe: a recipe to build enters, a trained run folder leaves."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch

from leadline.contracts.errors import UsageError
from leadline.geometry.multiples import nearest_multiples
from leadline.models.feature_cache import FeatureCache
from leadline.models.weights import save_model
from leadline.recipes.supervised.data import ordinal_pictures, training_stream, validation_streams
from leadline.recipes.supervised.report import Report, report_run
from leadline.recipes.supervised.validation import Validation
from leadline.training import distributed
from leadline.training.config_file import Setting
from leadline.training.engine import Callbacks, train
from leadline.training.placement import choose_placement
from leadline.training.run import RunFolder, TrackerSettings, require_no_run
from leadline.training.run_id import fresh_run_id, require_free, run_id_of
from leadline.training.tracker import require_wandb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from leadline.data.loader import SampleStream
    from leadline.models.depth_model import DepthModel
    from leadline.recipes.supervised.data_config import DataConfig
    from leadline.recipes.supervised.recipe import SupervisedRecipe
    from leadline.recipes.supervised.run_config import RunConfig
    from leadline.training.display import Display
    from leadline.training.distributed import Ranks

logger = logging.getLogger(__name__)

_DRAWN = "drawn at start"
Named = TypeVar("Named", bound="RunConfig")
OpenStreams: TypeAlias = "Callable[[tuple[int, int], Ranks], Mapping[str, SampleStream]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How a run was asked for.

    Attributes:
        sources: field name -> where its value came from, for the run's config.toml; empty leaves a resumed run's as it is.
        display: what shows the progress.
        checkpoint: what to go on from ("latest", "best", "epoch_N"); None starts a new run.
    """

    sources: Mapping[str, str]
    display: Display
    checkpoint: str | None = None


def train_supervised(
    config: DataConfig,
    start: Start,
    *,
    build: Callable[[], SupervisedRecipe],
    initialise: Callable[[DepthModel], object],
    open_streams: OpenStreams | None = None,
    open_validation: Callable[[tuple[int, int]], Mapping[str, SampleStream]] | None = None,
) -> Report | None:
    """Train on the stream "train" of pictures with depth, watch the held-out ones, and report on the best epoch.

    Args:
        config: every hyper-parameter; ``save_dir`` is the run.
        start: new or continued, and what to show.
        build: makes the recipe, its network with random weights.
        initialise: gives a new run's network its first weights, after everything else was found in order.
        open_streams: what the recipe reads, by name, at a size (H, W) in pixels and for this process; None opens "train".
        open_validation: what it is watched on, by dataset, where that is not at this size.

    Returns:
        The report on held-out pictures; None without validation, and on all ranks but the first.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    with distributed.together() as ranks:
        settings = config.engine
        choose_placement(settings, ranks.local_rank)  # a device that is not there is refused before anything is written
        check_places(config, new=start.checkpoint is None and ranks.rank == 0)
        if config.wandb != "off":
            require_wandb()
        torch.manual_seed(config.seed)
        recipe = build()
        model = recipe.trained
        size = rounded_size(config.size, model.size_multiple)
        model.config = dataclasses.replace(model.config, input_size=min(size), interpolation="antialiased")
        streams = (
            open_streams(size, ranks)
            if open_streams
            else {"train": training_stream(config, size, ranks, needs=recipe.needs["train"])}
        )
        validation = (
            Validation(
                recipe, config, (open_validation or partial(validation_streams, config))(size), ordinal_pictures(config)
            )
            if config.validate
            else None
        )
        if start.checkpoint is None:
            initialise(model)
        recipe.cache = feature_cache(config, model)
        summary = train(
            recipe,
            streams,
            settings,
            run_folder(config, start, ranks.rank),
            Callbacks(validate=validation, save_model=lambda folder: save_model(folder, model), display=start.display),
        )
    return report_run(config, summary, size) if ranks.rank == 0 and config.validate else None


def rounded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The nearest (height, width) that the encoder divides evenly, said once.

    >>> rounded_size((384, 392), 14)
    (378, 392)
    """
    height, width = nearest_multiples(size, multiple)
    if (height, width) != size:
        logger.warning("training size %dx%d rounded to %dx%d, multiples of %d", *size, height, width, multiple)
    return height, width


def feature_cache(config: DataConfig, model: DepthModel) -> FeatureCache | None:
    """What the flags ask to remember; None for nothing.

    Raises:
        UsageError: the encoder is trained, so nothing of it comes again.
    """
    if config.cache_features == "off":
        return None
    if not model.encoder_frozen:
        raise UsageError(
            expected="a frozen encoder for --cache-features",
            got="an encoder that is trained",
            remedy="leave out --cache-features, or freeze the encoder",
        )
    return FeatureCache(model, config.cache_dir if config.cache_features == "disk" else None)


def described(config: RunConfig, sources: Mapping[str, str]) -> dict[str, Setting]:
    """Every hyper-parameter with its value and source, for config.toml; the recipe's name first."""
    fields = [field.name for field in dataclasses.fields(config)]
    values = {name: Setting(getattr(config, name), sources.get(name, "default")) for name in fields}
    return {"recipe": Setting(config.recipe, "command")} | values


def run_folder(config: RunConfig, start: Start, rank: int) -> RunFolder:
    """A new folder with its configuration, or the one to go on in; every run has an id from here on."""
    config, sources = with_run_id(config, start)
    if start.checkpoint is None:
        if rank == 0 and sources.get("run_id") != _DRAWN:
            require_free(config.run_id, config.save_dir)
        run = RunFolder.create(config.save_dir, described(config, sources), rank=rank)
    else:
        run = RunFolder.open(config.save_dir, checkpoint=start.checkpoint)
        if rank == 0 and sources:
            before = {} if start.sources else dict.fromkeys(described(config, {}), "before resume")
            run.record(described(config, before | sources))
    return dataclasses.replace(run, events=config.events_folder, tracker=tracker_settings(config))


def with_run_id(config: Named, start: Start) -> tuple[Named, dict[str, str]]:
    """The configuration with the id of its run, and the sources of its values: a run that goes on keeps the id it has."""
    kept = run_id_of(config.save_dir) if start.checkpoint is not None else ""
    sources = dict(start.sources)
    if not kept and not config.run_id:
        sources["run_id"] = _DRAWN
    return dataclasses.replace(config, run_id=kept or config.run_id or fresh_run_id(config.save_dir)), sources


def tracker_settings(config: RunConfig) -> TrackerSettings | None:
    """Which run of W&B a configuration with an id asks for; None for none."""
    if config.wandb == "off":
        return None
    return TrackerSettings(
        mode=config.wandb,
        run_id=config.run_id,
        project=config.wandb_project,
        entity=config.wandb_entity,
        name=config.wandb_name,
        config={name: setting.value for name, setting in described(config, {}).items()},
    )


def check_places(config: RunConfig, *, new: bool) -> None:
    """Refuse, before data and weights are read, places that a run cannot write to; again asked when a new one is made."""
    if new:
        require_no_run(config.save_dir)
    folder = config.log_dir
    if folder.exists() and not folder.is_dir():
        raise UsageError(expected="a folder for --log-dir", got=f"the file {folder}", remedy="name another --log-dir")
