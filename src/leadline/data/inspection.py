# SPDX-License-Identifier: Apache-2.0
"""An opened dataset goes in; a report of sizes, metres, validity and doubts, or a contact sheet to look at, comes out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from leadline.contracts.errors import DataError
from leadline.data.conventions import breaches_of_type, require_types
from leadline.data.subset import EvenSubset
from leadline.data.suspicions import UNDETECTABLE, bottom_is_farther, suspicions
from leadline.rasters.colour import Ramp, colourise, robust_range, with_legend
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import LEGIBLE_WIDTH_PX, captioned, tile
from leadline.transforms.resampling import resize_nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind
    from leadline.contracts.sample import OrdinalPairs, Sample
    from leadline.data.dataset import DepthDataset

_ENOUGH_FOR_A_HABIT = 5
_DISPARITY_LIKE = "the bottom of the pictures is farther than the top: disparity stored as depth, or pictures upside down?"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A doubt: what shows, in how many of the inspected images, and the key of the first."""

    what: str
    images: int
    first_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetReport:
    """What the inspected images say about a dataset.

    Attributes:
        name: the dataset.
        count: samples in the dataset.
        inspected: samples that were looked at, evenly spaced, unreadable ones included.
        provides: names of the fields every sample has.
        unit: of the three numbers below: ``"m"``, ``"px"`` or None; they are None where there is no depth.
        minimum, maximum: over all valid pixels of the inspected images.
        median: of the medians of the inspected images.
        valid_percent: mean over the inspected images, or None.
        sizes: (height, width) of the pictures -> how many.
        findings: doubts about units, masks and cameras, most frequent first.
        unreadable: one message per image that could not be read.
        undetectable: what such an inspection cannot see.
    """

    name: str
    count: int
    inspected: int
    provides: tuple[str, ...]
    unit: str | None
    minimum: float | None
    median: float | None
    maximum: float | None
    valid_percent: float | None
    sizes: dict[tuple[int, int], int]
    findings: tuple[Finding, ...]
    unreadable: tuple[str, ...]
    undetectable: str = UNDETECTABLE


@dataclass(frozen=True, slots=True)
class _Look:
    """What is kept of one inspected sample."""

    key: str
    size: tuple[int, int]
    kind: DepthKind
    range_and_median: tuple[float, float, float] | None
    valid_fraction: float | None
    doubts: tuple[str, ...]
    upside_down: bool | None


def inspect_dataset(dataset: DepthDataset, *, limit: int = 100) -> DatasetReport:
    """Read up to ``limit`` evenly spaced samples and sum up what they say; unreadable ones are counted and named."""
    looks, unreadable = [], []
    chosen = EvenSubset.indices(len(dataset), max(1, limit))
    for index in chosen:
        try:
            looks.append(_look_at(dataset[index]))
        except DataError as error:
            unreadable.append(str(error))
    ranges = [look.range_and_median for look in looks if look.range_and_median is not None]
    fractions = [look.valid_fraction for look in looks if look.valid_fraction is not None]
    return DatasetReport(
        name=dataset.name,
        count=len(dataset),
        inspected=len(chosen),
        provides=tuple(sorted(field.name for field in dataset.provides)),
        unit=looks[0].kind.unit if ranges else None,
        minimum=min((low for low, _, _ in ranges), default=None),
        median=float(np.median([middle for _, middle, _ in ranges])) if ranges else None,
        maximum=max((high for _, _, high in ranges), default=None),
        valid_percent=100.0 * float(np.mean(fractions)) if fractions else None,
        sizes=dict(Counter(look.size for look in looks).most_common()),
        findings=_findings(looks),
        unreadable=tuple(unreadable),
    )


def contact_sheet(dataset: DepthDataset, count: int = 12) -> NDArray[np.uint8]:
    """A picture of up to ``count`` evenly spaced samples, two per row, each with its depth on a scale of its own.

    Grey depth pixels are invalid; of ordinal pairs the nearer point is orange, the farther one blue.  Unreadable samples
    leave a grey cell with the reason.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ContractError: a sample whose tensors are not of the types that ``Sample`` states.
    """
    cells = [_cell(dataset, index) for index in EvenSubset.indices(len(dataset), max(1, count))]
    pairs = [cells[start : start + 2] for start in range(0, len(cells), 2)]
    return tile([[picture for cell in pair for picture in cell] for pair in pairs])


def _look_at(sample: Sample) -> _Look:
    size = (sample.image.shape[-2], sample.image.shape[-1])
    doubts, has_wrong_types = tuple(suspicions(sample)), any(breaches_of_type(sample))
    if sample.depth is None or sample.valid is None or has_wrong_types:
        return _Look(sample.key, size, sample.kind, None, None, doubts, None)
    upside_down = bottom_is_farther(sample)
    values = sample.depth[sample.valid].numpy()
    known = (float(values.min()), float(np.median(values)), float(values.max())) if values.size else None
    return _Look(sample.key, size, sample.kind, known, float(sample.valid.float().mean()), doubts, upside_down)


def _findings(looks: Sequence[_Look]) -> tuple[Finding, ...]:
    noted = [(doubt, look.key) for look in looks for doubt in look.doubts]
    judged = [look for look in looks if look.upside_down is not None]
    reversed_looks = [look for look in judged if look.upside_down]
    if len(judged) >= _ENOUGH_FOR_A_HABIT and len(reversed_looks) >= 0.8 * len(judged):
        noted += [(_DISPARITY_LIKE, look.key) for look in reversed_looks]
    first_keys = _first_by_text(noted)
    counts = Counter(doubt for doubt, _ in noted)
    return tuple(Finding(what=doubt, images=n, first_key=first_keys[doubt]) for doubt, n in counts.most_common())


def _first_by_text(noted: Iterable[tuple[str, str]]) -> dict[str, str]:
    first: dict[str, str] = {}
    for doubt, key in noted:
        first.setdefault(doubt, key)
    return first


def _cell(dataset: DepthDataset, index: int) -> list[NDArray[np.uint8]]:
    try:
        sample = dataset[index]
    except DataError as error:
        grey = np.full((LEGIBLE_WIDTH_PX * 3 // 4, LEGIBLE_WIDTH_PX, 3), 128, np.uint8)
        return [captioned(grey, f"{dataset.key(index)}: {error.got}"), grey]
    require_types(sample)
    height = max(1, round(sample.image.shape[1] * LEGIBLE_WIDTH_PX / sample.image.shape[2]))
    picture = Image.fromarray(picture_from_tensor(sample.image)).resize(
        (LEGIBLE_WIDTH_PX, height), Image.Resampling.BILINEAR
    )
    if sample.ordinal is not None:
        _mark(picture, sample.ordinal, LEGIBLE_WIDTH_PX / sample.image.shape[2])
    shown = [captioned(np.asarray(picture), sample.key)]
    return [*shown, _depth_cell(sample, height)] if sample.depth is not None else shown


def _depth_cell(sample: Sample, height: int) -> NDArray[np.uint8]:
    if sample.depth is None or sample.valid is None:
        return np.full((height, LEGIBLE_WIDTH_PX, 3), 128, np.uint8)
    depth = resize_nearest(sample.depth, height, LEGIBLE_WIDTH_PX).numpy()
    valid = resize_nearest(sample.valid, height, LEGIBLE_WIDTH_PX).numpy()
    low, high = robust_range(depth, valid)
    ramp = Ramp.DISPARITY if sample.kind.near_is_large else Ramp.DEPTH
    coloured = colourise(depth, valid, low=low, high=high, ramp=ramp)
    return with_legend(coloured, low=low, high=high, unit=sample.kind.unit, title=sample.kind.value, ramp=ramp)


def _mark(picture: Image.Image, pairs: OrdinalPairs, factor: float) -> None:
    draw = ImageDraw.Draw(picture)
    for points, colour in ((pairs.nearer_rc, (255, 140, 0)), (pairs.farther_rc, (40, 90, 255))):
        for row, column in points[pairs.valid].tolist():
            x, y = (column + 0.5) * factor, (row + 0.5) * factor
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour, outline=(255, 255, 255))
