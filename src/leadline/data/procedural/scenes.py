# SPDX-License-Identifier: Apache-2.0
"""A seed and an index enter; a rendered sample with exact depth, camera, second view and ordinal pairs leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from leadline.contracts.camera import Camera
from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field, Neighbours, Sample, StereoView
from leadline.data.procedural.motion import draw_course, motion_between, require_near, view_after
from leadline.data.procedural.ordinal_pairs import draw_pairs
from leadline.data.procedural.rendering import Picture, Scene, render, view_of
from leadline.data.procedural.rooms import build_room
from leadline.data.procedural.streets import build_street
from leadline.data.procedural.tracing import View, nearest_depth_m
from leadline.data.procedural.yards import build_yard
from leadline.data.sky import TruthSpace
from leadline.geometry.camera import intrinsic_matrix
from leadline.geometry.disparity import stereo_disparity_px

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.data.procedural.solids import SolidTable

SPLITS = ("train", "val", "test")
FARTHEST_M = 80.0
"""Surfaces beyond this have no valid depth, like the sky: a pixel of ground near the horizon spans many metres."""

_BUILDERS: dict[str, Callable[[Random], Scene]] = {"room": build_room, "yard": build_yard, "street": build_street}
_BASELINES_M = {"room": (0.08, 0.2), "yard": (0.1, 0.3), "street": (0.25, 0.6)}
_GOLDEN = 0.6180339887498949

DEFAULT_KINDS: Mapping[str, float] = {"room": 0.45, "yard": 0.2, "street": 0.35}
"""Share of each kind of scene; about half of the yards are halls, so 55 % of the pictures are indoors."""


@dataclass(frozen=True)
class ProceduralScenes:
    """Scenes rendered on the fly, each a pure function of (seed, split, index); implements ``DepthDataset``.

    Attributes:
        count: number of scenes.
        seed: another seed gives other scenes.
        height, width: picture size in pixels; the field of view is horizontal, so the width sets the focal length.
        stereo: also render the right picture of a rectified pair, with exact disparity and visibility.
        ordinal_pairs: number of pixel pairs per sample, 0 for none.
        split: "train", "val" or "test"; the same index of another split is another scene.
        kinds: relative share of "room", "yard" and "street"; every run of consecutive indices comes close to it.
        truth: whether depth comes in metres or as disparity, and what becomes of the sky.
        neighbours: frames to render beside each, of a camera that moves on through the standing scene, e.g. ``(-1, 1)``.
        baseline_m: distance of the two cameras of every pair in metres; 0 draws one per scene, as its kind suggests.  One
            eye can learn the disparities of one rig only: give a number to train it.
    """

    count: int
    seed: int = 0
    height: int = 192
    width: int = 256
    stereo: bool = False
    ordinal_pairs: int = 0
    split: str = "train"
    kinds: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_KINDS))
    truth: TruthSpace = field(default_factory=TruthSpace)
    neighbours: tuple[int, ...] = ()
    baseline_m: float = 0.0
    name: ClassVar[str] = "procedural"

    def __post_init__(self) -> None:
        """Refuse settings that describe no scene."""
        if self.split not in SPLITS:
            raise UsageError(expected=f"a split out of {', '.join(SPLITS)}", got=self.split, remedy="choose one of them")
        if min(self.count, self.height, self.width) < 1 or self.ordinal_pairs < 0:
            got = f"count {self.count}, size {self.height}x{self.width}, ordinal_pairs {self.ordinal_pairs}"
            raise UsageError(expected="at least one scene and one pixel", got=got, remedy="use positive numbers")
        if not 0 <= self.baseline_m < math.inf:
            expected = "a distance of the two cameras in metres, or 0 for one drawn per scene"
            raise UsageError(expected=expected, got=f"baseline_m {self.baseline_m}", remedy="write e.g. baseline_m=0.54")
        require_near(self.neighbours)
        unknown = sorted(set(self.kinds) - set(_BUILDERS))
        shares = self.kinds.values()
        if unknown or not shares or min(shares) < 0 or sum(shares) <= 0:
            expected = f"shares of {', '.join(_BUILDERS)}, none negative, not all zero"
            raise UsageError(expected=expected, got=str(dict(self.kinds)), remedy="correct the kinds of procedural scenes")

    @property
    def provides(self) -> frozenset[Field]:
        """The fields every sample has."""
        extra = {Field.STEREO: self.stereo, Field.ORDINAL: self.ordinal_pairs > 0, Field.NEIGHBOURS: bool(self.neighbours)}
        return frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA} | {name for name, present in extra.items() if present})

    def __len__(self) -> int:
        return self.count

    def key(self, index: int) -> str:
        """Stable name of a scene, e.g. ``train-0-000012``."""
        return f"{self.split}-{self.seed}-{index:06d}"

    def kind_of(self, index: int) -> str:
        """Which kind of scene an index shows: the golden-ratio sequence spreads the kinds evenly over the indices."""
        total, position = sum(self.kinds.values()), (0.5 + index * _GOLDEN) % 1.0
        reached = 0.0
        for kind, share in self.kinds.items():
            reached += share / total
            if position < reached:
                return kind
        return max(self.kinds, key=lambda kind: self.kinds[kind])

    def scene(self, index: int) -> Scene:
        """The scene behind a sample, before it is rendered."""
        return _BUILDERS[self.kind_of(index)](Random(f"{self.key(index)} scene"))

    def __getitem__(self, index: int) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) in the unit of ``truth``, NaN where not valid, matrix (3, 3) in pixels;
        pairs, right view and neighbours where asked for, disparity in pixels, baseline and motion in metres.

        Raises:
            IndexError: ``index`` is not in [0, count).
        """
        if not 0 <= index < self.count:
            raise IndexError(f"scene {index} of {self.count}")
        scene = self.scene(index)
        view = view_of(scene.pose, self.height, self.width)
        picture = render(scene, view, _noise(self.key(index), "left"))
        with np.errstate(invalid="ignore"):
            near = picture.depth_m <= FARTHEST_M
        values, valid = self.truth.stated(picture.depth_m, valid=near, sky=np.isposinf(picture.depth_m))
        pairs = None
        if self.ordinal_pairs:
            pairs = draw_pairs(picture.depth_m, near, self.ordinal_pairs, _noise(self.key(index), "pairs"))
        return Sample(
            key=self.key(index),
            dataset=self.name,
            image=torch.from_numpy(picture.rgb),
            depth=torch.from_numpy(np.where(valid, values, np.float32(np.nan))),
            valid=torch.from_numpy(valid),
            kind=self.truth.kind,
            camera=Camera(matrix=_matrix(view)),
            stereo=self._right_view(index, scene, view, picture) if self.stereo else None,
            neighbours=self._neighbours(index, scene, view, picture) if self.neighbours else None,
            ordinal=pairs,
        )

    def _neighbours(self, index: int, scene: Scene, view: View, picture: Picture) -> Neighbours:
        key = self.key(index)
        course = draw_course(Random(f"{key} course"), scene.kind, scene.pose)
        images, motions = [], []
        for offset in self.neighbours:
            there = view_after(course, scene.pose, view, offset=offset, random=Random(f"{key} shake {offset}"))
            images.append(torch.from_numpy(render(scene, there, _noise(key, f"neighbour {offset}"), picture.gain).rgb))
            motions.append(torch.from_numpy(motion_between(start=view, end=there)))
        return Neighbours(image=torch.stack(images), offsets=self.neighbours, neighbour_from_sample_m=torch.stack(motions))

    def _right_view(self, index: int, scene: Scene, view: View, left: Picture) -> StereoView:
        drawn_m = Random(f"{self.key(index)} rig").uniform(*_BASELINES_M[scene.kind])
        baseline_m = float(np.float32(self.baseline_m or drawn_m))
        right_view = view.moved_right(baseline_m)
        right = render(scene, right_view, _noise(self.key(index), "right"), left.gain)
        baseline, focal = torch.tensor(baseline_m), torch.tensor(view.focal_px)
        disparity_px = stereo_disparity_px(torch.from_numpy(left.depth_m), focal_px=focal, baseline_m=baseline)
        visible = seen_from(scene.solids, right_view, left.depth_m, disparity_px.numpy())
        return StereoView(
            image=torch.from_numpy(right.rgb),
            baseline_m=baseline,
            disparity_px=disparity_px,
            visible=torch.from_numpy(visible),
        )


def _noise(key: str, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that asking for a second view changes nothing in the first."""
    return np.random.Generator(np.random.PCG64(Random(f"{key} {purpose}").getrandbits(64)))


def _matrix(view: View) -> torch.Tensor:
    return intrinsic_matrix(focal_px=(view.focal_px, view.focal_px), centre_px=(view.width / 2, view.height / 2))


def seen_from(
    solids: SolidTable, view: View, depth_m: NDArray[np.float32], disparity_px: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """(H, W) true where a left pixel's surface point lies inside the right picture with nothing in front of it.

    Found exactly, by tracing from the right camera through each left surface point.

    Args:
        solids: what stands in the scene.
        view: the right camera.
        depth_m, disparity_px: (H, W) of the left view, metres and pixels.
    """
    column = np.arange(view.width, dtype=np.float32)[None] + np.float32(0.5) - disparity_px
    nearest_m = nearest_depth_m(solids, view, view.rays_shifted(disparity_px))
    inside: NDArray[np.bool_] = (column >= 0) & (column < view.width)
    return inside & (nearest_m >= depth_m * np.float32(1 - 1e-3))
