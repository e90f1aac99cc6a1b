# SPDX-License-Identifier: Apache-2.0
"""One sample enters, several looks at it leave: crops of their own place, size, mirroring and colours, depth moved along.

Depth stays in metres although a crop that is brought to a fixed size looks as if it were taken with a longer lens; where the
sample has a camera, each view's camera says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from leadline.contracts.camera import Camera
from leadline.contracts.errors import require
from leadline.contracts.sample import Views, ViewStack
from leadline.transforms.spatial import crop_sample, flip_sample, resize_sample
from leadline.transforms.strong import StrongPerturbation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from leadline.contracts.sample import Sample

TRIES = 10  # of torchvision's RandomResizedCrop, before it takes the middle of the picture
_DRAWS = 2 * TRIES + 4  # areas, aspects, place, mirror, solarize
_SOLARIZED_FROM = 128 / 255

REFERENCE_COLOURS = StrongPerturbation(
    jitter_p=0.8, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, grey_p=0.1, blur_p=0.0
)
"""The JEPA-depth reference's."""
OFFICIAL_COLOURS = replace(REFERENCE_COLOURS, grey_p=0.2, blur_p=0.5)
"""LeJEPA's own (arXiv 2511.08544), which also solarizes a fifth of the views."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Crops:
    """Views of one kind: how many, and what each is cut from.

    Attributes:
        count: how many; 0 makes none.
        size: (height, width) in pixels that each is brought to, whatever the picture's own size.
        area: smallest and largest share of the picture.
        aspect: smallest and largest width / height of what is cut, in the picture's pixels.
    """

    count: int
    size: tuple[int, int]
    area: tuple[float, float]
    aspect: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require(self.count >= 0, "0 views or more", self.count, "correct the number of views")
        require(min(self.size) >= 1, "views of at least 1x1 px", self.size, "correct the size of the views")
        require(0 < self.area[0] <= self.area[1] <= 1, "areas as rising shares in (0, 1]", self.area, "e.g. 0.4 1.0")
        require(0 < self.aspect[0] <= self.aspect[1], "rising aspects above 0", self.aspect, "e.g. 0.75 1.333")

    def window(self, draws: Sequence[float], height: int, width: int) -> tuple[int, int, int, int]:
        """The first of ten drawn windows that fits, else the middle: as torchvision's RandomResizedCrop draws.

        Args:
            draws: ``2 * TRIES + 2`` numbers in [0, 1): areas, aspects, and the place of the one that is taken.
            height, width: of the picture, in pixels.

        Returns:
            Top, left, height and width in pixels, inside the picture.
        """
        low, high = (math.log(end) for end in self.aspect)
        for first, second in zip(draws[:TRIES], draws[TRIES : 2 * TRIES], strict=True):
            area_px2 = (self.area[0] + (self.area[1] - self.area[0]) * first) * height * width
            aspect = math.exp(low + (high - low) * second)
            rows, columns = round(math.sqrt(area_px2 / aspect)), round(math.sqrt(area_px2 * aspect))
            if 0 < rows <= height and 0 < columns <= width:
                down, across = draws[2 * TRIES : 2 * TRIES + 2]
                return int(down * (height - rows + 1)), int(across * (width - columns + 1)), rows, columns
        return self._middle(height, width)

    def _middle(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The largest window in the middle whose aspect is allowed."""
        rows = min(height, max(1, round(width / self.aspect[0])))
        columns = min(width, max(1, round(height * self.aspect[1])))
        return (height - rows) // 2, (width - columns) // 2, rows, columns


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiView:
    """Views for LeJEPA: global ones, then local ones.

    Attributes:
        global_views, local_views: what is cut; at least one is global.  Both may have the same size.
        flip_p: how often a view is mirrored.
        colours: of each view by itself, image only; None leaves them.
        solarize_p: how often the brighter half of a view's values is inverted.
    """

    global_views: Crops
    local_views: Crops
    flip_p: float = 0.5
    colours: StrongPerturbation | None = REFERENCE_COLOURS
    solarize_p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require(self.global_views.count >= 1, "at least 1 global view", self.global_views.count, "e.g. --v-global 2")
        chances = (self.flip_p, self.solarize_p)
        require(all(0 <= one <= 1 for one in chances), "chances in [0, 1]", chances, "e.g. 0.5")

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Image (3, H, W) in [0, 1] -> the first view, with all of them as ``views``.

        Image, depth, validity and camera of a view move together, the image by averaging, depth and validity to the nearest
        pixel; a second view of a pair, neighbours and ordinal pairs are left behind.
        """
        bare = replace(sample, stereo=None, neighbours=None, ordinal=None)
        looks = [
            self._look(bare, crops, generator) for crops in (self.global_views, self.local_views) for _ in range(crops.count)
        ]
        first = self.global_views.count
        groups = [looks] if self.local_views.size == self.global_views.size else [looks[:first], looks[first:]]
        views = Views(stacks=tuple(_stack(group) for group in groups if group), n_global=first)
        return replace(looks[0][0], views=views)

    def _look(self, sample: Sample, crops: Crops, generator: torch.Generator) -> tuple[Sample, Tensor]:
        """One view, and where its pixels lie in the picture, (2, 2) as in ``ViewStack``."""
        draws = torch.rand(_DRAWS, generator=generator, dtype=torch.float64).tolist()
        top, left, rows, columns = crops.window(draws, *sample.image.shape[1:])
        view = resize_sample(crop_sample(sample, top=top, left=left, height=rows, width=columns), *crops.size)
        down, across = rows / crops.size[0], columns / crops.size[1]
        to_source = [[down, top], [across, left]]
        if draws[-2] < self.flip_p:
            view, to_source[1] = flip_sample(view), [-across, left + columns]
        image = view.image
        if self.colours is not None:
            image = self.colours(image[None], generator)[0]
        if draws[-1] < self.solarize_p:
            image = torch.where(image >= _SOLARIZED_FROM, 1 - image, image)
        return replace(view, image=image), torch.tensor(to_source)


def _stack(looks: list[tuple[Sample, Tensor]]) -> ViewStack:
    views = [view for view, _ in looks]
    depths = [view.depth for view in views if view.depth is not None]
    masks = [view.valid for view in views if view.valid is not None]
    cameras = [view.camera.matrix for view in views if view.camera is not None]
    return ViewStack(
        image=torch.stack([view.image for view in views]),
        to_source=torch.stack([place for _, place in looks]),
        depth=torch.stack(depths) if depths else None,
        valid=torch.stack(masks) if masks else None,
        camera=Camera(matrix=torch.stack(cameras)) if cameras else None,
    )
