# SPDX-License-Identifier: Apache-2.0
"""Toy scenes whose pictures carry their own number, and predictors that read it and answer with changed truth."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, OrdinalPairs, Sample, StereoView
from leadline.data.ddos_classes import CLASS_IDS, DdosAnnotations
from leadline.data.ibims_scene import IbimsAnnotations
from leadline.data.kitti_2015_annotations import Kitti2015Annotations
from leadline.evaluation.edges import canny


def scene_depth_m(index: int, height: int, width: int) -> torch.Tensor:
    """A slope that differs from scene to scene, with a box at half its depth in the middle; between 1.8 and 8.5 m."""
    rows, columns = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    slope = 2.0 + index % 3 + 3.0 * rows + columns * (1 + 0.5 * (index % 2))
    box = ((rows - 0.5).abs() < 0.1) & ((columns - 0.5).abs() < 0.1)
    return torch.where(box, 0.5 * slope, slope)


@dataclass(frozen=True, kw_only=True)
class ToyScenes:
    """Sample ``i`` is a picture whose red channel is i everywhere; invalid truth is NaN."""

    count: int = 6
    height: int = 24
    width: int = 32
    name: str = "toy"
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA, Field.ORDINAL})
    unreadable: frozenset[int] = frozenset()
    empty: frozenset[int] = frozenset()
    keys: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count

    def key(self, index: int, /) -> str:
        return self.keys[index] if self.keys else f"scene/{index:03d}.png"

    def __getitem__(self, index: int, /) -> Sample:
        if index in self.unreadable:
            raise DataError(expected="a picture", got=f"{self.key(index)} of zero bytes", remedy="download it again")
        image = torch.zeros(3, self.height, self.width)
        image[0] = index / 255.0
        image[1] = torch.linspace(0, 1, self.width).mul(255).round().div(255)
        depth_m = scene_depth_m(index, self.height, self.width)
        valid = torch.zeros_like(depth_m, dtype=torch.bool) if index in self.empty else depth_m < 8.0
        last = self.height - 1, self.width - 1
        return Sample(
            key=self.key(index),
            dataset=self.name,
            image=image,
            depth=torch.where(valid, depth_m, torch.nan),
            valid=valid,
            camera=Camera(matrix=torch.tensor([[30.0, 0, self.width / 2], [0, 30.0, self.height / 2], [0, 0, 1]])),
            ordinal=OrdinalPairs(
                nearer_rc=torch.tensor([[0, 0], [0, 0], [5, 5]]),
                farther_rc=torch.tensor([list(last), [last[0], 0], [20, 5]]),
                valid=torch.tensor([True, True, index % 2 == 0]),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class ToyPredictor:
    """Reads the scene's number from the picture and answers ``change(true depth)`` as ``kind``."""

    change: Callable[[torch.Tensor], torch.Tensor] = lambda depth_m: depth_m
    kind: DepthKind = DepthKind.METRIC
    description: Mapping[str, object] = field(default_factory=lambda: {"model": "toy"})
    factor: int = 1  # answers at 1 / factor of the picture's size

    def predict_batch(self, xs: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        return [self._answer(picture) for picture in xs]

    def _answer(self, picture: NDArray[np.uint8]) -> DepthMap:
        height, width = picture.shape[:2]
        depth_m = scene_depth_m(int(picture[0, 0, 0]), height, width)
        if picture[0, 0, 1] > picture[0, -1, 1]:  # the picture came mirrored
            depth_m = depth_m.flip(-1)
        values = self.change(depth_m)[:: self.factor, :: self.factor].float().numpy()
        return DepthMap(values=values, valid=np.ones(values.shape, np.bool_), kind=self.kind)


@dataclass(frozen=True, kw_only=True)
class AnnotatedScenes(ToyScenes):
    """The same with what iBims-1 knows: edges where Canny finds them in the truth, and no planes."""

    def annotations(self, index: int, /) -> IbimsAnnotations:
        return IbimsAnnotations(edges_of(index, self.height, self.width), ())


@dataclass(frozen=True, kw_only=True)
class ClassifiedScenes(ToyScenes):
    """The same with what DDOS knows: trees in the upper half, and a wire in one column that differs from scene to scene."""

    def annotations(self, index: int, /) -> DdosAnnotations:
        ids = torch.full((self.height, self.width), CLASS_IDS["background"], dtype=torch.int32)
        ids[: self.height // 2], ids[:, index % self.width] = CLASS_IDS["trees"], CLASS_IDS["ultra_thin"]
        return DdosAnnotations(ids, CLASS_IDS)


@dataclass(frozen=True, kw_only=True)
class PairedScenes(ToyScenes):
    """The same as pairs, half a metre apart, with what KITTI 2015 knows: cars left of the middle, hidden pixels on top."""

    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA, Field.STEREO})

    def __getitem__(self, index: int, /) -> Sample:
        sample = super().__getitem__(index)
        return replace(sample, stereo=StereoView(image=sample.image, baseline_m=torch.tensor(0.5)), ordinal=None)

    def annotations(self, index: int, /) -> Kitti2015Annotations:
        depth_m = scene_depth_m(index, self.height, self.width)
        known, seen, cars = depth_m < 8.0, depth_m < 8.0, torch.zeros_like(depth_m, dtype=torch.bool)
        seen[0], cars[:, : self.width // 2] = False, True
        true_px = torch.where(known, 30.0 * 0.5 / depth_m, torch.nan)
        return Kitti2015Annotations(
            all_disparity_px=true_px,
            all_valid=known,
            visible_disparity_px=true_px.where(seen, torch.nan),
            visible_valid=seen,
            foreground=cars,
        )


@functools.cache
def edges_of(index: int, height: int, width: int) -> torch.Tensor:
    depth_m = scene_depth_m(index, height, width)
    low, high = depth_m.min(), depth_m.max()
    return canny((depth_m - low) / (high - low), sigma_px=2**0.5, low=0.15, high=0.3)
