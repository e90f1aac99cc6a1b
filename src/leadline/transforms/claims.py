# SPDX-License-Identifier: Apache-2.0
"""A sample in metres enters, the same as affine-invariant disparity leaves: the one claim that relative recipes learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import ContractError, require
from leadline.geometry.disparity import inverse_depth

if TYPE_CHECKING:
    import torch

    from leadline.contracts.sample import Sample


@dataclass(frozen=True, slots=True)
class AsDisparity:
    """Turn METRIC truth into AFFINE_DISPARITY, 1 / z in 1/m; truth that is disparity already passes as it is.

    Nothing is drawn at random.

    Args:
        min_m, max_m: z-depth outside of this range, ends included in it, becomes invalid.

    Raises:
        UsageError: not ``0 < min_m < max_m``.
    """

    min_m: float
    max_m: float

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        require(
            0 < self.min_m < self.max_m, "a range of depth above 0 m", (self.min_m, self.max_m), "swap or correct its ends"
        )

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:  # noqa: ARG002 (the contract of transforms)
        """Sample with depth (H, W) -> the same with disparity (H, W) in 1/m; invalid pixels stay undefined.

        Raises:
            ContractError: no depth, or depth that is neither metres nor disparity: without its scale or offset, depth has no
                disparity, and pixels of a stereo pair would need their rig.
        """
        if sample.depth is None or sample.valid is None or sample.kind not in _PASSING:
            raise ContractError(
                expected="truth in metres or affine-invariant disparity",
                got=f"{'no depth' if sample.depth is None else sample.kind.value} in '{sample.key}' of '{sample.dataset}'",
                remedy="choose another dataset, or correct the kind in its manifest if that is wrong",
            )
        if sample.kind is DepthKind.AFFINE_DISPARITY:
            return sample
        valid = sample.valid & (sample.depth >= self.min_m) & (sample.depth <= self.max_m)
        return replace(sample, depth=inverse_depth(sample.depth), valid=valid, kind=DepthKind.AFFINE_DISPARITY)


_PASSING = frozenset({DepthKind.METRIC, DepthKind.AFFINE_DISPARITY})
