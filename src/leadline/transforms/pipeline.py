# SPDX-License-Identifier: Apache-2.0
"""Transforms in a row: a Sample and a random generator enter, the changed Sample leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from leadline.contracts.sample import Sample


class Transform(Protocol):
    """Anything that turns one Sample into another.

    All randomness comes from ``generator`` (a CPU generator), and the number of draws does not depend on what was drawn, so
    that one seed gives one result whatever the transforms before it decided.
    """

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Sample with an image (3, H, W) in [0, 1] -> the changed sample; the one given is not written into."""
        ...


class Pipeline:
    """Transforms applied first to last; itself a Transform.

    Args:
        steps: the transforms in order; an empty sequence changes nothing.
    """

    def __init__(self, steps: Iterable[Transform] = ()) -> None:
        self.steps = tuple(steps)

    def __call__(self, sample: Sample, generator: torch.Generator) -> Sample:
        """Apply every step to the sample, image (3, H, W) in [0, 1], all drawing from the one generator.

        Errors are those of the steps.
        """
        for step in self.steps:
            sample = step(sample, generator)
        return sample

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(repr, self.steps))})"
