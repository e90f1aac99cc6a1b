# SPDX-License-Identifier: Apache-2.0
"""A weights file's name enters, which model it is leaves: the tensors of V1 and V2, relative and metric look the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.errors import WeightsError
from leadline.contracts.suggestions import did_you_mean
from leadline.models.head_config import MetricBinsHeadConfig
from leadline.models.presets import PRESETS, Preset

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.models.config import DepthModelConfig

_ZOE_ON_DEPTH_ANYTHING = r"depth[-_]anything[-_](metric[-_]depth[-_])?"  # and a scene
_ZOEDEPTH = (
    ("zoedepth-depth-anything-indoor", _ZOE_ON_DEPTH_ANYTHING + "indoor"),
    ("zoedepth-depth-anything-outdoor", _ZOE_ON_DEPTH_ANYTHING + "outdoor"),
    ("zoedepth-nyu-kitti", r"zoed(epth)?[-_](m12[-_])?(nk|nyu[-_]kitti)(?![a-z])"),
    ("zoedepth-nyu", r"zoed(epth)?[-_](m12[-_])?(n|nyu)(?![a-z])"),
    ("zoedepth-kitti", r"zoed(epth)?[-_](m12[-_])?(k|kitti)(?![a-z])"),
)
_VERSIONS = (
    ("v2", r"depth[-_]anything[-_]v2"),
    (
        "v1",
        r"depth[-_]anything[-_](v1|vit[sblg]14)|depth-anything-(small|base|large)-hf|"
        + _ZOE_ON_DEPTH_ANYTHING
        + "(in|out)door",
    ),
)
_SIZES = (("small", r"vits|small"), ("base", r"vitb|base"), ("large", r"vitl|large"), ("giant", r"vitg|giant"))
_SCENES = (("metric-indoor-", r"metric[-_](hypersim|indoor)"), ("metric-outdoor-", r"metric[-_](vkitti|outdoor)"))


def version_by_name(path: Path) -> str | None:
    """What the file name says: "v1", "v2" or None.

    >>> version_by_name(Path("depth_anything_v2_vits.pth")), version_by_name(Path("depth_anything_vits14.pth"))
    ('v2', 'v1')
    """
    return _first(_VERSIONS, path.name)


def preset_by_name(path: Path) -> Preset | None:
    """The published model a file name stands for, else None.

    >>> preset_by_name(Path("depth_anything_v2_metric_vkitti_vitl.pth")).name
    'depth-anything-v2-metric-outdoor-large'
    """
    zoedepth = _first(_ZOEDEPTH, path.name)
    if zoedepth is not None:
        return PRESETS[zoedepth]
    version, size = version_by_name(path), _first(_SIZES, path.name)
    return PRESETS.get(f"depth-anything-{version}-{_first(_SCENES, path.name) or ''}{size}")


def declared_version(path: Path, version: str | None) -> str:
    """The version the caller and the file name agree on.

    Raises:
        WeightsError: neither says it, or they contradict each other.
    """
    named = version_by_name(path)
    if named and version and named != version:
        raise WeightsError(
            expected=f"a Depth Anything {version.upper()} file, as declared",
            got=f"{path.name}, which is {named.upper()} by its name",
            remedy=f"declare {named}, or give the {version.upper()} file",
        )
    chosen = version or named
    if chosen is None:
        raise WeightsError(
            expected="to be told whether this is Depth Anything V1 or V2, whose files have the same names and shapes",
            got=f"{path.name}, which does not say",
            remedy="declare the version: v1 or v2",
        )
    return chosen


def declared_preset(path: Path, architecture: str | None) -> Preset:
    """The published model the caller and the file name agree on.

    Raises:
        WeightsError: the architecture is unknown, nobody says it, or caller and file name contradict each other.
    """
    named = preset_by_name(path)
    if architecture is None:
        if named is None:
            raise WeightsError(
                expected="to be told which model this is: Depth Anything V1 and V2, relative and metric, look the same",
                got=f"{path.name}, which does not say",
                remedy="pass its architecture, e.g. depth-anything-v2-small, depth-anything-v1-small, "
                "or depth-anything-v2-metric-indoor-small",
            )
        return named
    chosen = known_preset(architecture)
    wrong_version = version_by_name(path) not in {None, chosen.version}
    if wrong_version or (named is not None and named.config != chosen.config):
        raise WeightsError(
            expected=f"a file of {architecture}",
            got=f"{path.name}, which is {named.name if named else version_by_name(path)} by its name",
            remedy="pass the architecture the file belongs to, or give the other file",
        )
    return chosen


def fitted_bins(config: DepthModelConfig, tensors: dict[str, Tensor]) -> DepthModelConfig:
    """The configuration with the bins its released file has.

    ZoeDepth was released with bounded ("normed") and unbounded ("softplus") bins under the same names; bounded attractors
    come in pairs, so the width of their last layer tells which.  Tensors of any shape, under our names.
    """
    head, last = config.head, tensors.get("head.attractors.0._net.2.weight")
    if not isinstance(head, MetricBinsHeadConfig) or last is None or last.ndim == 0:
        return config
    bounded = last.shape[0] == 2 * head.n_attractors[0]
    return replace(config, head=replace(head, bin_centers_type="normed" if bounded else "softplus"))


def known_preset(name: str) -> Preset:
    """A preset by name; an unknown one is a ``WeightsError``."""
    if name not in PRESETS:
        remedy = did_you_mean(name.lower(), PRESETS, otherwise="see `leadline list models`")
        raise WeightsError(expected="the name of a published model", got=repr(name), remedy=remedy)
    return PRESETS[name]


def _first(choices: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in choices if re.search(pattern, text.lower())), None)
