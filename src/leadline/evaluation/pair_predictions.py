# SPDX-License-Identifier: Apache-2.0
"""A stereo network in one mode enters; a predictor that sees samples with their second view and their cameras leaves."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadline.contracts.sample import Field, Sample
from leadline.inference.stereo.rig import KnownRig
from leadline.rasters.images import picture_from_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadline.contracts.depth_map import DepthKind, DepthMap
    from leadline.inference.stereo.stereo_predictor import StereoPredictor


@typing.runtime_checkable
class SeesSamples(typing.Protocol):
    """A predictor that looks at more of a sample than its picture."""

    @property
    def needs(self) -> frozenset[Field]:
        """What samples must have for it."""
        ...

    def predict_samples(self, samples: Sequence[Sample], /) -> list[DepthMap]:
        """One map (h, w) per sample, in order; of the network's own size where the protocol shall resize it."""
        ...


class SamplePredictor:
    """A stereo network that is judged on a dataset.

    Metres follow from the cameras of each sample; for one eye the baseline is that of the pairs it learnt from, where it was
    recorded (``leadline.inference.stereo.rig``).  What the dataset does not promise of every sample is not used.

    Args:
        predictor: of the mode to be judged; its settings say whether maps leave at the network's size.
        provides: what the dataset promises.
    """

    def __init__(self, predictor: StereoPredictor, provides: frozenset[Field]) -> None:
        self._predictor = predictor
        self._has_camera, self._has_baseline = Field.CAMERA in provides, Field.STEREO in provides

    @property
    def needs(self) -> frozenset[Field]:
        """Pairs for mode "stereo"."""
        return frozenset({Field.STEREO} if self._predictor.settings.mode == "stereo" else ())

    @property
    def kind(self) -> DepthKind:
        """Metres where the dataset's promises suffice, else pixels of disparity."""
        any_view_deg = 60.0 if self._has_camera else None  # which camera it is makes no difference to the kind
        rig = KnownRig(baseline_m=1.0 if self._has_baseline else None, field_of_view_deg=any_view_deg)
        return self._predictor.kind_of(rig)

    @property
    def description(self) -> dict[str, object]:
        """What was used, as plain JSON values."""
        return self._predictor.description

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        """Maps of single (H, W, 3) uint8 pictures without cameras.  UsageError for mode "stereo"."""
        return self._predictor.predict_batch(pictures)

    def predict_samples(self, samples: Sequence[Sample], /) -> list[DepthMap]:
        """One map per sample: image (3, H, W) -> (h, w) metres, or pixels of disparity at the map's own width."""
        return [self._predicted(sample) for sample in samples]

    def _predicted(self, sample: Sample) -> DepthMap:
        left = picture_from_tensor(sample.image)
        right = left if sample.stereo is None else picture_from_tensor(sample.stereo.image)  # one eye ignores it
        return self._predictor.predict_pair(left, right, self._rig(sample))

    def _rig(self, sample: Sample) -> KnownRig:
        baseline_m = float(sample.stereo.baseline_m) if self._has_baseline and sample.stereo is not None else None
        return KnownRig(baseline_m=baseline_m, camera=sample.camera if self._has_camera else None)
