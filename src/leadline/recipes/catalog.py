# SPDX-License-Identifier: Apache-2.0
"""The recipes there are: a name enters; what it is for, its hyper-parameters and where its run begins leave.  No torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from leadline.contracts.errors import UsageError
from leadline.contracts.suggestions import did_you_mean
from leadline.recipes.distillation.config import DistillationConfig
from leadline.recipes.jepa.config import JepaConfig
from leadline.recipes.metric.config import MetricConfig
from leadline.recipes.relative.config import RelativeConfig
from leadline.recipes.semi_supervised.config import SemiSupervisedConfig
from leadline.recipes.stereo.config import StereoConfig

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeEntry:
    """One way to train.

    Attributes:
        summary: one line for ``leadline list recipes``.
        yields: the kind of depth its models predict.
        config: the frozen dataclass of its hyper-parameters; also the schema of its flags and TOML files.
        run: ``module:function`` of (config, Start) that trains; named, not imported, because it brings torch.
    """

    summary: str
    yields: str
    config: type[Any]
    run: str

    def trainer(self) -> Callable[..., Any]:
        """The function behind ``run``."""
        module, _, function = self.run.partition(":")
        train: Callable[..., Any] = getattr(import_module(module), function)
        return train


RECIPES: dict[str, RecipeEntry] = {
    "metric": RecipeEntry(
        summary="Depth Anything V2 encoder and DPT decoder with ZoeDepth's metric bins, SILog and gradient losses",
        yields="metres",
        config=MetricConfig,
        run="leadline.recipes.metric.run:train_metric",
    ),
    "semi-supervised": RecipeEntry(
        summary="Depth Anything V1: teacher, pseudo-labels, student on labelled and perturbed unlabelled pictures",
        yields="disparity up to scale and shift",
        config=SemiSupervisedConfig,
        run="leadline.recipes.semi_supervised.run:train_semi_supervised",
    ),
    "distillation": RecipeEntry(
        summary="Depth Anything V2: a large teacher on rendered truth, a small student on its labels of real pictures",
        yields="disparity up to scale and shift",
        config=DistillationConfig,
        run="leadline.recipes.distillation.run:train_distillation",
    ),
    "jepa": RecipeEntry(
        summary="LeJEPA: views of a picture agree in a Gaussian embedding (SIGReg) while depth is learned, or before",
        yields="metres",
        config=JepaConfig,
        run="leadline.recipes.jepa.run:train_jepa",
    ),
    "stereo": RecipeEntry(
        summary="TiO-Depth: one network for one eye and for two, from rectified pairs without depth, with DINOv2 or Swin",
        yields="metres where the pairs' rig is known, else pixels of disparity",
        config=StereoConfig,
        run="leadline.recipes.stereo.methods:train_by_method",
    ),
    "relative": RecipeEntry(
        summary="Depth Anything network fine-tuned, or repaired, with the affine-invariant losses in disparity",
        yields="disparity up to scale and shift",
        config=RelativeConfig,
        run="leadline.recipes.relative.run:train_relative",
    ),
}


def find_recipe(name: str) -> RecipeEntry:
    """The entry of a recipe.

    Raises:
        UsageError: naming the recipes there are, and the nearest.
    """
    if name not in RECIPES:
        remedy = did_you_mean(name, RECIPES, otherwise="see `leadline list recipes`")
        raise UsageError(expected=f"a recipe ({', '.join(RECIPES)})", got=repr(name), remedy=remedy)
    return RECIPES[name]
