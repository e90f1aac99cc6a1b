# SPDX-License-Identifier: Apache-2.0
"""What the encoder of a stereo network is made of: names enter, a checked and frozen description of a pyramid leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from leadline.contracts.errors import require
from leadline.models.encoder_sizes import DINOV2_SIZES, DinoSize
from leadline.models.requirements import correct, require_one_of

PyramidSource = Literal["reassemble", "rn", "fused"]
BaseStride = Literal[2, 4]
Align = Literal["exact", "native"]
SizePolicy = Literal["resize", "pad", "error"]
PyramidNormalisation = Literal["imagenet", "tio", "none"]

LEVELS = 4
SMALLEST_SIDE_PX = 32  # one pixel of the coarsest map of base stride 4


@dataclass(frozen=True, kw_only=True, slots=True)
class SwinSize:
    """One size of Swin (Liu et al. 2021, arXiv 2103.14030), window 7.

    Attributes:
        dim: width of the finest map, doubled at each coarser one.
        depths, heads: blocks and attention heads of the four stages.
    """

    dim: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]


# The names for the sizes of Depth Anything V2, and our own small ones by the names they have everywhere.
_DINO_NAMES = {"dinov2s": "vits", "dinov2b": "vitb", "dinov2l": "vitl", "dinov2g": "vitg"}
_DINO_NAMES |= {name: name for name in ("dinov2-tiny", "dinov2-nano", "dinov2-toy", "dinov2-toy-swiglu")}
SWIN_SIZES = {
    "swin_t": SwinSize(dim=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24)),
    "swin-toy": SwinSize(dim=8, depths=(2, 1, 2, 1), heads=(1, 2, 2, 4)),
}
RESNETS = ("resnet18", "resnet34", "resnet50")
TOY_ENCODERS = frozenset({"dinov2-toy", "dinov2-toy-swiglu", "swin-toy"})
"""For tests: they can be named, but no error offers them."""
ENCODERS = (*_DINO_NAMES, *SWIN_SIZES, *RESNETS)
_SWIN_DROP_PATH = 0.3  # what TiO-Depth trains Swin-T with


@dataclass(frozen=True, kw_only=True, slots=True)
class PyramidConfig:
    """Four maps of one image, fine to coarse, and how they are made.

    Attributes:
        encoder: a name of ``ENCODERS``.
        pyramid_source: which maps of DPT are handed out (DINOv2 only): "reassemble" = after projection and resizing, "rn" =
            after ``layer{1..4}_rn``, of one width, "fused" = after the fusion blocks, of the same width.
        base_stride: input pixels per pixel of the finest map; each coarser one has twice as many.
        align: "exact" = each side of a map is ceil(input side / stride); "native" = the multiples of the patch grid, 7/8 of
            those strides, without resampling at stride 4.  Swin and ResNet have exact maps by themselves.
        size_policy: what happens to an image whose sides are no multiples of the 14-pixel patch (DINOv2 only): "resize" =
            brought to the nearest multiples, "pad" = its last row and column repeated up to the next, "error" = refused.
        normalisation: what the image is brought to: "imagenet" = ImageNet's mean and spread, with which all of these
            encoders were trained, "tio" = (x - 0.45) / 0.225 as in monodepth2 and TiO-Depth, "none" = left in [0, 1].
        drop_path: how often a residual branch of Swin's last block is left out in training; None = 0.3, as TiO-Depth has it,
            for Swin, and 0 for the others, which have none.
    """

    encoder: str = "dinov2b"
    pyramid_source: PyramidSource = "reassemble"
    base_stride: BaseStride = 4
    align: Align = "exact"
    size_policy: SizePolicy = "resize"
    normalisation: PyramidNormalisation = "imagenet"
    drop_path: float | None = None

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            require_one_of(self.encoder, tuple(name for name in ENCODERS if name not in TOY_ENCODERS), "encoder")
        require_one_of(self.pyramid_source, get_args(PyramidSource), "pyramid_source")
        strides = get_args(BaseStride)
        require(self.base_stride in strides, f"a base stride of {strides}", self.base_stride, correct("base_stride"))
        require_one_of(self.align, get_args(Align), "align")
        require_one_of(self.size_policy, get_args(SizePolicy), "size_policy")
        require_one_of(self.normalisation, get_args(PyramidNormalisation), "normalisation")
        expected = "pyramid_source reassemble where the encoder is no DINOv2 and so has no DPT"
        fits = self.dino is not None or self.pyramid_source == "reassemble"
        require(fits, expected, self.pyramid_source, correct("pyramid_source", "encoder"))
        rate = self.drop_path or 0.0
        drops = 0 <= rate < 1 and (rate == 0 or self.swin is not None)
        require(drops, "drop_path from 0 to below 1, above 0 for Swin only", self.drop_path, correct("drop_path"))

    @property
    def dino(self) -> DinoSize | None:
        """The DINOv2 size, or None for another encoder."""
        name = _DINO_NAMES.get(self.encoder)
        return None if name is None else DINOV2_SIZES[name]

    @property
    def swin(self) -> SwinSize | None:
        """The Swin size, or None for another encoder."""
        return SWIN_SIZES.get(self.encoder)

    @property
    def strides(self) -> tuple[float, ...]:
        """Input pixels per pixel of each map, fine to coarse; nominal, as a map's last pixel may reach over the border."""
        return tuple(self.base_stride * 2**level * (7 / 8 if self.is_native else 1) for level in range(LEVELS))

    @property
    def is_native(self) -> bool:
        """True where the maps keep the multiples of DINOv2's patch grid."""
        return self.dino is not None and self.align == "native"

    @property
    def drop_path_rate(self) -> float:
        """``drop_path``, resolved."""
        if self.drop_path is not None:
            return self.drop_path
        return 0.0 if self.swin is None else _SWIN_DROP_PATH

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what ``from_dict`` takes."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> PyramidConfig:
        """The inverse of ``to_dict``; an unknown name is a ``UsageError``."""
        names = tuple(one.name for one in fields(PyramidConfig))
        for name in values:
            require_one_of(name, names)
        return PyramidConfig(**values)
