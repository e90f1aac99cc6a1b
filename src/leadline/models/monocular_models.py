# SPDX-License-Identifier: Apache-2.0
"""Anything a user calls a MODEL enters; a network that takes one picture, of whichever family, leaves."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from leadline.contracts.errors import UsageError
from leadline.models.depth_model import DepthModel
from leadline.models.stereo.checkpoint import holds_stereo, load_network
from leadline.models.stereo.monocular import MonocularPath
from leadline.models.weights import load_model

MonocularModel = DepthModel | MonocularPath
"""What a predictor takes."""


def load_monocular_model(
    source: str | Path, *, architecture: str | None = None, allow_missing: Collection[str] = ()
) -> MonocularModel:
    """A model with its weights, in evaluation mode: as ``load_model``, and stereo networks as their monocular half.

    Raises:
        WeightsError: as for ``load_model``.
        UsageError: likewise, or an architecture beside a stereo network, which knows its own.
    """
    if not holds_stereo(source):
        return load_model(source, architecture=architecture, allow_missing=allow_missing)
    if architecture is not None:
        raise UsageError(
            expected="no architecture beside a stereo network, which knows its own",
            got=f"{architecture} for {source}",
            remedy="leave the architecture out",
        )
    return MonocularPath(load_network(source)).eval()
