# SPDX-License-Identifier: Apache-2.0
"""The ``metric`` recipe put together: hyper-parameters enter, a trained run folder and its summary leave."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import UsageError
from leadline.geometry.multiples import nearest_multiples
from leadline.models.depth_model import DepthModel
from leadline.models.weights import initialise_from, save_model
from leadline.recipes.metric import MetricRecipe, model_config
from leadline.recipes.metric_data import ordinal_pictures, training_stream, validation_streams
from leadline.recipes.metric_report import Report, report_metric
from leadline.recipes.metric_validation import MetricValidation
from leadline.training import distributed
from leadline.training.config_file import Setting
from leadline.training.engine import train
from leadline.training.placement import choose_placement
from leadline.training.run import RunFolder
from leadline.training.settings import EngineSettings, NoDecay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leadline.recipes.metric_config import MetricConfig
    from leadline.training.display import Display

logger = logging.getLogger(__name__)

WITHOUT_DECAY: tuple[NoDecay, ...] = ("bias", "norm", "pos_embed", "layer_scale")


def train_metric(
    config: MetricConfig, sources: Mapping[str, str], display: Display, *, checkpoint: str | None = None
) -> Report | None:
    """Train, or go on from ``checkpoint`` ("latest", "best", "epoch_N") of the run in ``config.save_dir``.

    Args:
        config: every hyper-parameter.
        sources: field name -> where its value came from, for the run's config.toml; empty leaves a resumed run's as it is.
        display: what shows the progress.
        checkpoint: None starts a new run.

    Returns:
        The report on held-out pictures; None without validation, and on all ranks but the first.

    Raises:
        LeadlineError: anything the user can mend, before the first batch where possible.
    """
    ranks = distributed.join()
    settings = engine_settings(config)
    choose_placement(settings, ranks.local_rank)  # a device that is not there is refused before anything is written
    _check_log_dir(config)
    torch.manual_seed(config.seed)
    model = DepthModel(model_config(config))
    size = rounded_size(config.size, model.size_multiple)
    model.config = dataclasses.replace(model.config, input_size=min(size))
    recipe = MetricRecipe(config, model)
    streams = {"train": training_stream(config, size, ranks)}
    validation = (
        MetricValidation(recipe, validation_streams(config, size), ordinal_pictures(config)) if config.validate else None
    )
    if checkpoint is None:
        _initialise(model, config)
        run = RunFolder.create(config.save_dir, described(config, sources), rank=ranks.rank)
    else:
        run = RunFolder.open(config.save_dir, checkpoint=checkpoint)
        if ranks.rank == 0 and sources:
            run.record(described(config, sources))
    run = dataclasses.replace(run, events=events_folder(config))
    summary = train(
        recipe,
        streams,
        settings,
        run,
        validate=validation,
        save_model=lambda folder: save_model(folder, model),
        display=display,
    )
    return report_metric(config, summary, size) if ranks.rank == 0 and config.validate else None


def rounded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The nearest (height, width) that the encoder divides evenly, said once.

    >>> rounded_size((384, 392), 14)
    (378, 392)
    """
    height, width = nearest_multiples(size, multiple)
    if (height, width) != size:
        logger.warning("training size %dx%d rounded to %dx%d, multiples of %d", *size, height, width, multiple)
    return height, width


def events_folder(config: MetricConfig) -> Path:
    """Where TensorBoard events go: one folder below ``log_dir`` for each run folder, ``runs/a`` -> ``runs_a``."""
    return config.log_dir / "_".join(part for part in config.save_dir.parts if part not in {config.save_dir.anchor, ".."})


def _check_log_dir(config: MetricConfig) -> None:
    folder = config.log_dir
    if folder.exists() and not folder.is_dir():
        raise UsageError(expected="a folder for --log-dir", got=f"the file {folder}", remedy="name another --log-dir")


def engine_settings(config: MetricConfig) -> EngineSettings:
    """The engine's share of the hyper-parameters."""
    return EngineSettings(
        epochs=config.num_epochs,
        lr=config.lr,
        weight_decay=config.weight_decay,
        no_decay=() if config.decay_norm_and_bias else WITHOUT_DECAY,
        schedule=config.schedule,
        lr_step_size=config.lr_step_size,
        lr_gamma=config.lr_gamma,
        warmup_steps=config.warmup_steps,
        max_grad_norm=config.max_grad_norm,
        accumulate=config.accumulate,
        amp="auto" if config.amp else "off",
        ema_decay=config.ema_decay,
        log_interval=config.log_interval,
        save_every_steps=config.save_every,
        keep_last=config.keep_epochs,
        seed=config.seed,
        device=config.device,
        deterministic=config.deterministic,
    )


def described(config: MetricConfig, sources: Mapping[str, str]) -> dict[str, Setting]:
    """Every hyper-parameter with its value and source, for config.toml; the recipe's name first."""
    fields = [field.name for field in dataclasses.fields(config)]
    values = {name: Setting(getattr(config, name), sources.get(name, "default")) for name in fields}
    return {"recipe": Setting("metric", "command")} | values


def _initialise(model: DepthModel, config: MetricConfig) -> None:
    if not config.pretrained_checkpoint:
        logger.warning("no --pretrained-checkpoint: training starts from random weights")
        if not config.train_encoder:
            raise UsageError(
                expected="--pretrained-checkpoint, or --train-encoder",
                got="a frozen encoder with random weights, which can learn nothing",
                remedy="give the weights of the encoder, or train it too",
            )
        return
    version = None if config.pretrained_version == "auto" else config.pretrained_version
    report = initialise_from(model, Path(config.pretrained_checkpoint), version=version)
    logger.info("%s", report)
