# SPDX-License-Identifier: Apache-2.0
"""What a user asks of the procedural scenes goes in, the dataset comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leadline.data.neighbour_offsets import offsets_from
from leadline.data.procedural.scenes import DEFAULT_KINDS, SPLITS, ProceduralScenes
from leadline.data.request import DatasetRequest, required_split, settings_from
from leadline.data.sky import TruthSpace

NAME = "procedural"
DEFAULT_COUNT = 500
"""The scenes have no end: so many are taken where nobody says how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProceduralSettings:
    """Options of dataset ``procedural``."""

    count: int = DEFAULT_COUNT
    """Number of scenes; they are rendered when read, so a large number costs nothing at once."""
    seed: int = 0
    """Another seed gives other scenes."""
    height: int = 192
    """Picture height in pixels."""
    width: int = 256
    """Picture width in pixels; it sets the focal length."""
    stereo: bool = False
    """Also render the right picture of a rectified pair."""
    baseline_m: float = 0.0
    """Distance of the two cameras of every pair in metres; 0: drawn per scene.  One eye can learn one distance only."""
    neighbours: str = ""
    """Frames of a moving camera to render beside each, with commas between, e.g. -1,1."""
    ordinal_pairs: int = 0
    """Pixel pairs per scene of which the nearer one is known."""
    kinds: str = ""
    """Kinds of scenes, with commas between (room, yard, street), each equally often; empty: the default mix."""
    space: Literal["metres", "disparity"] = "metres"
    """State depth in metres, or as 1 / z for recipes that learn relative depth."""
    sky: Literal["ignore", "far"] = "ignore"
    """Mask the sky, or (in disparity) make it valid with disparity 0."""


def open_procedural(request: DatasetRequest) -> ProceduralScenes:
    """Open the procedural scenes; root and listing are not used.

    Splits: ``train``, ``val``, ``test``, disjoint; ``all`` (default) is ``test``, which no recipe trains on.

    Raises:
        UsageError: unknown split or option, a count or size below 1, ``sky=far`` in metres.
    """
    chosen = settings_from(ProceduralSettings, NAME, request.options)
    split = required_split(NAME, request, ("all", *SPLITS))
    return ProceduralScenes(
        count=chosen.count,
        seed=chosen.seed,
        height=chosen.height,
        width=chosen.width,
        stereo=chosen.stereo,
        neighbours=offsets_from(chosen.neighbours, NAME),
        ordinal_pairs=chosen.ordinal_pairs,
        split="test" if split == "all" else split,
        kinds=dict.fromkeys(chosen.kinds.split(","), 1.0) if chosen.kinds else dict(DEFAULT_KINDS),
        truth=TruthSpace(chosen.space, chosen.sky),
        baseline_m=chosen.baseline_m,
    )
