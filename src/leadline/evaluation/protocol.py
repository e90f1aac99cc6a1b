# SPDX-License-Identifier: Apache-2.0
"""What a number means: every choice a benchmark leaves to its user enters one record, and one image's score leaves."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from leadline.contracts.depth_map import DepthMap
from leadline.contracts.errors import ContractError, DataError
from leadline.contracts.sample import Field, Sample
from leadline.evaluation.crops import FULL, Crop
from leadline.geometry.alignment import Alignment

Convention: TypeAlias = Literal["depth", "depth_gtmax", "disp"]
"""What follows the fit of ``scale-shift-disparity``, by the names of the field.

``depth``: aligned disparity is raised to at least 1 / far end of the range and inverted; metres are compared (MiDaS).
``depth_gtmax``: the same, raised to at least 1 / farthest scored truth of that image (MoGe).
``disp``: inverse depth is compared with inverse truth; below 1e-6 1/m it counts as 1e-6, which is near no truth
(first author of Depth Anything, LiheYoung/Depth-Anything issue 174).
"""


class UnscorableError(DataError):
    """An image the protocol leaves out, e.g. for too few valid pixels; counted and named, whatever the policy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One image to be scored.

    Attributes:
        sample: picture and truth.
        prediction: (H, W) map at the picture's size, of the model's own kind.
        annotations: what the dataset knows beyond the sample; None unless the protocol is ``annotated``.
    """

    sample: Sample
    prediction: DepthMap
    annotations: object = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageScore:
    """What one image contributes.

    Attributes:
        metrics: name -> value; NaN where the image has nothing to measure.
        weights: name -> how often the value counts in the mean (pairs, planes); 1 where it is not named.
        group: name of the part of the dataset (DA-2K: scene) that is also averaged on its own.
        missing_pixels: scored pixels for which the model had no usable number.
    """

    metrics: Mapping[str, float]
    weights: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None
    missing_pixels: int = 0


class Scorer(typing.Protocol):
    """Turns one image into its score under a protocol; raises :class:`UnscorableError` to leave it out."""

    def __call__(self, case: Case, protocol: Protocol, /) -> ImageScore:
        """The score of one image, prediction and truth (H, W).  Raises UnscorableError to leave the image out."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """A named way to measure.  Change a field with ``dataclasses.replace``; the result file records ``settings``.

    Attributes:
        name: as the command line calls it.
        dataset: catalog name of the dataset it was written for; None for any.
        needs: fields the dataset must provide.
        score: how one image is scored.
        annotated: the scorer also wants ``dataset.annotations(index)``.
        crop: scored rectangle.
        range_m: (min, max) metres of scored truth; max may be infinite.
        inclusive: whether the ends of the range are scored.
        beyond: what becomes of truth beyond the far end: left out, or scored as if it lay at the end.
        clamp: whether predictions are clamped before scoring, to ``clamp_m``.
        clamp_m: the ends predictions are clamped to, in metres; None for those of the range.
        alignment: the fit to the truth of each image.
        convention: what follows that fit, see ``Convention``; other than "depth" only after ``scale-shift-disparity``.
        allowed_alignments: the fits this protocol may be used with.
        scaled: a second fit, whose metrics stand beside those without any as ``NAME_scaled``; None for none.
        resize: how a prediction of another size than the truth is brought to it.
        resize_in: in which space; "kind" is that of the prediction, disparity for disparity and depth for depth.
        tta: "flip" averages with the mirrored prediction of the mirrored picture.
        aggregation: how images become one number, in a word for the result file; the scorer's weights decide it.
        minimum_valid_pixels: images with fewer scored pixels are left out and named.
        dense: whether neighbours of a true pixel are true pixels too, as boundaries need; false for LiDAR.
        boundary: whether the sharpness of boundaries is measured as well (``evaluation.contours``).
        source: where these choices come from.
    """

    name: str
    dataset: str | None
    needs: frozenset[Field]
    score: Scorer
    annotated: bool = False
    crop: Crop = FULL
    range_m: tuple[float, float]
    inclusive: bool = False
    beyond: Literal["left-out", "clamped"] = "left-out"
    clamp: bool = True
    clamp_m: tuple[float, float] | None = None
    alignment: Alignment = Alignment.NONE
    convention: Convention = "depth"
    allowed_alignments: frozenset[Alignment] = frozenset(Alignment)
    scaled: Alignment | None = None
    resize: Literal["bilinear-corners", "bilinear"] = "bilinear-corners"
    resize_in: Literal["kind", "depth", "disparity"] = "kind"
    tta: Literal["none", "flip"] = "none"
    aggregation: Literal["image-mean", "pair-mean", "pixel-sum, depth image-mean"] = "image-mean"
    minimum_valid_pixels: int = 1
    dense: bool = False
    boundary: bool = False
    source: str

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for low, high in (self.range_m, self.ends_m):
            if not 0 <= low < high:
                raise ContractError(
                    expected="a range with 0 <= min < max metres",
                    got=f"{low} to {high}",
                    remedy="swap or correct the two ends",
                )
        if self.alignment not in self.allowed_alignments:
            allowed = ", ".join(sorted(a.value for a in self.allowed_alignments))
            raise ContractError(
                expected=f"an alignment that protocol '{self.name}' allows: {allowed}",
                got=f"'{self.alignment.value}'",
                remedy="choose one of them or the plain protocol 'depth'",
            )
        if self.convention != "depth" and self.alignment is not Alignment.SCALE_SHIFT_DISPARITY:
            raise ContractError(
                expected=f"alignment '{Alignment.SCALE_SHIFT_DISPARITY.value}' before convention '{self.convention}'",
                got=f"alignment '{self.alignment.value}'",
                remedy="choose that alignment, or leave the convention out",
            )
        if self.convention == "disp" and self.clamp:
            raise ContractError(
                expected="no clamp to the range under convention 'disp', which never inverts",
                got="clamp=True",
                remedy="set clamp=False",
            )
        if self.boundary and not self.dense:
            raise ContractError(
                expected="a protocol with dense truth, whose boundaries can be measured",
                got=f"'{self.name}', whose truth is sparse or ordinal",
                remedy="leave the boundaries out, or choose a protocol for dense truth",
            )

    @property
    def ends_m(self) -> tuple[float, float]:
        """The least and the greatest metres a prediction may have after clamping, or stand for one that is missing."""
        return self.range_m if self.clamp_m is None else self.clamp_m

    @property
    def settings(self) -> dict[str, object]:
        """Every choice that changes numbers, as plain JSON values, for the result file."""
        return {
            "crop": self.crop.name,
            "range_m": _as_json(self.range_m),
            "range_inclusive": self.inclusive,
            "beyond_range": self.beyond,
            "clamp": self.clamp,
            "clamp_m": None if self.clamp_m is None else _as_json(self.clamp_m),
            "alignment": self.alignment.value,
            "scaled": None if self.scaled is None else self.scaled.value,
            "convention": self.convention,
            "resize": self.resize,
            "resize_in": self.resize_in,
            "tta": self.tta,
            "aggregation": self.aggregation,
            "minimum_valid_pixels": self.minimum_valid_pixels,
            "boundary": self.boundary,
            "source": self.source,
        }


def _as_json(ends: tuple[float, float]) -> list[float | None]:
    return [end if math.isfinite(end) else None for end in ends]


OnProgress = Callable[[int, int], None]
