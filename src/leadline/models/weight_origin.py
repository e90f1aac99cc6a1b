# SPDX-License-Identifier: Apache-2.0
"""A weights file's name enters, which model it is leaves: the tensors of V1 and V2, relative and metric look the same."""

from __future__ import annotations

import re
from pathlib import Path

from leadline.contracts.errors import WeightsError
from leadline.models.presets import PRESETS, Preset

_VERSIONS = (("v2", r"depth[-_]anything[-_]v2"), ("v1", r"depth[-_]anything[-_](v1|vit[sblg]14)"))
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


def known_preset(name: str) -> Preset:
    """A preset by name; an unknown one is a ``WeightsError`` that lists them."""
    if name not in PRESETS:
        raise WeightsError(expected=f"one of {', '.join(PRESETS)}", got=repr(name), remedy="see `leadline list models`")
    return PRESETS[name]


def _first(choices: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in choices if re.search(pattern, text.lower())), None)
