# SPDX-License-Identifier: Apache-2.0
"""A stereo network ready for use: pictures, or rectified pairs of any size, enter; depth maps of the left pictures leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError, UsageError
from leadline.inference.device import choose_device, choose_precision
from leadline.inference.pictures import as_picture
from leadline.inference.stereo.looks import Looker, Mode, Views
from leadline.inference.stereo.network_sizes import nominal_settings, seen_size
from leadline.inference.stereo.post_processing import PostProcessing
from leadline.inference.stereo.rig import KnownRig, Scale, eye_scale, pair_scale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.inference.pictures import Picture
    from leadline.inference.preprocess import PreprocessSettings
    from leadline.models.stereo.stereo_model import StereoModel

Unit = Literal["auto", "m", "px"]
MapSize = Literal["picture", "network"]


@dataclass(frozen=True, kw_only=True, slots=True)
class StereoSettings:
    """How a stereo network is asked."""

    mode: Mode = "refined"
    """What sees: the raw monocular path, the refined one (the published monocular model), or both eyes."""
    post_processing: PostProcessing = "none"
    """A second, mirrored look, and how the two become one map; see ``post_processing.share_of_second``."""
    unit: Unit = "auto"
    """m demands metres, px keeps pixels of disparity, auto takes metres where the cameras are known."""
    input_size: int | None = None
    """The shorter side the network sees, in pixels; None takes the size it was trained at."""
    map_size: MapSize = "picture"
    """At which size maps leave: the picture's, or the network's, for those who resize by rules of their own (evaluation)."""

    def __post_init__(self) -> None:
        choices = ((self.mode, Mode), (self.post_processing, PostProcessing), (self.unit, Unit), (self.map_size, MapSize))
        for given, known in choices:
            if given not in get_args(known):
                raise UsageError(
                    expected=f"one of {', '.join(get_args(known))}", got=repr(given), remedy="choose one of them"
                )


class StereoPredictor:
    """A stereo network on its device.

    Args:
        model: its weights are moved to the device and it is put into evaluation mode.
        settings: what is asked of it.
        rig: the cameras of all pictures, as far as they are known.
        device, precision: as for ``leadline.inference.predictor.load``.
        source: where the model came from, for ``description``.

    Raises:
        UsageError: no such device or precision here.
    """

    def __init__(
        self,
        model: StereoModel,
        settings: StereoSettings | None = None,
        *,
        rig: KnownRig | None = None,
        device: str = "auto",
        precision: str = "auto",
        source: str = "a model in memory",
    ) -> None:
        self.settings = settings or StereoSettings()
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.model = model.to(self.device).eval()
        self.rig = rig
        self._source = source
        self._looker = Looker(self.model, self.settings.mode, self.device, self.dtype)

    @property
    def kind(self) -> DepthKind:
        """The claim of all maps but those of pairs with cameras of their own."""
        return self.kind_of(self.rig)

    def kind_of(self, rig: KnownRig | None) -> DepthKind:
        """The claim of the maps of pictures by these cameras: metres where they are known and nobody asked for pixels.

        Raises:
            UsageError: metres are asked for and the cameras are not known well enough.
        """
        if self._scale(rig, (1, 1)) is not None:
            return DepthKind.METRIC
        if self.settings.unit == "m":
            raise _no_metres(rig)
        return DepthKind.STEREO_DISPARITY

    @property
    def preprocessing(self) -> PreprocessSettings:
        """What the network is shown of pictures whose proportions are not those it was trained at."""
        return nominal_settings(self.model.config.input_size, self.settings.input_size)

    @property
    def description(self) -> dict[str, Any]:
        """What was used, as plain JSON values."""
        return {
            "model": self._source,
            "architecture": self.model.config.to_dict(),
            "mode": self.settings.mode,
            "post_processing": self.settings.post_processing,
            "preprocessing": asdict(self.preprocessing),
            "precision": "bf16" if self.dtype is torch.bfloat16 else "fp32",
            "device": str(self.device),
        }

    def predict_batch(self, pictures: Sequence[Picture], /) -> list[DepthMap]:
        """Depth of single pictures, in their order, each by itself; not for mode "stereo".

        Args:
            pictures: paths, Pillow images or (H, W, 3) uint8 RGB arrays, of any sizes.

        Returns:
            One (H, W) map per picture, as from ``predict_pair``.

        Raises:
            UsageError: mode "stereo", which needs pairs.
            DataError: a file is no whole picture, or far too long and thin.
        """
        if self.settings.mode == "stereo":
            raise UsageError(
                expected="pairs for mode stereo",
                got="single pictures",
                remedy="give right pictures too, or use mode refined",
            )
        return [self._map(as_picture(picture), None, self.rig) for picture in pictures]

    def predict_pair(self, left: Picture, right: Picture, rig: KnownRig | None = None) -> DepthMap:
        """Depth of the left picture of a rectified pair.

        Args:
            left, right: as for ``predict_batch``, of one size; the modes of one eye ignore ``right`` but for its size.
            rig: the cameras of this pair; None for those of all.

        Returns:
            (H, W) at the left picture's size: metres, or pixels of disparity at its width; invalid where nothing finite and
            positive was said.  ``confidence`` is 1 - entropy / log N of the levels; in mode "stereo" less where the
            disparities of both views contradict each other, and 0 where the right view does not see the place.

        Raises:
            DataError: the pictures differ in size, a file is no whole picture, or far too long and thin.
            UsageError: metres are asked for and the cameras are not known well enough.
        """
        pictures = as_picture(left), as_picture(right)
        require_one_size(*pictures, names=("the left picture", "the right one"))
        return self._map(pictures[0], pictures[1], rig or self.rig)

    def _map(self, left: NDArray[np.uint8], right: NDArray[np.uint8] | None, rig: KnownRig | None) -> DepthMap:
        size = (left.shape[0], left.shape[1])
        kind, scale = self.kind_of(rig), self._scale(rig, size)
        network_px = seen_size(size, self.model.config.input_size, self.settings.input_size)
        views = Views(left=picture_tensor(left), right=None if right is None else picture_tensor(right))
        map_px = size if self.settings.map_size == "picture" else network_px
        seen = self._looker.see(views, network_px, self.settings.post_processing).resized(map_px)
        disparity_px = seen.disparity_px[0]
        focal_ratio = map_px[1] / size[1]
        values = disparity_px if scale is None else focal_ratio * scale.focal_px * scale.baseline_m / disparity_px
        valid = torch.isfinite(values) & (values > 0)
        return DepthMap(
            values=values.cpu().numpy(),
            valid=valid.cpu().numpy(),
            kind=kind,
            camera=None if rig is None or map_px != size else rig.camera_of(*size),
            confidence=seen.confidence[0].clamp(0.0, 1.0).cpu().numpy(),
            notes={"network_px": list(network_px), "rig": None if scale is None else asdict(scale)},
        )

    def _scale(self, rig: KnownRig | None, size: tuple[int, int]) -> Scale | None:
        """How metres follow for pictures of ``size``; None where they do not, or are not wanted."""
        if self.settings.unit == "px":
            return None
        if self.settings.mode == "stereo":
            return pair_scale(rig, size)
        return eye_scale(rig, self.model.config.rig, size)


def require_one_size(left: NDArray[np.uint8], right: NDArray[np.uint8], *, names: tuple[object, object]) -> None:
    """Refuse (H, W, 3) pictures of two sizes.

    Raises:
        DataError: says both sizes, and what is called so in ``names``.
    """
    if left.shape != right.shape:
        sizes = (f"{one.shape[0]}x{one.shape[1]} of {name}" for one, name in zip((left, right), names, strict=True))
        raise DataError(
            expected="left and right pictures of one size",
            got=" and ".join(sizes),
            remedy="give the two pictures of one rectified pair",
        )


def _no_metres(rig: KnownRig | None) -> UsageError:
    has_baseline = rig is not None and rig.baseline_m is not None
    has_camera = rig is not None and rig.camera_of(1, 1) is not None
    parts = {"their baseline (--baseline)": has_baseline, "their focal length (--intrinsics or --fov)": has_camera}
    missing = [part for part, known in parts.items() if not known]
    return UsageError(
        expected="a calibrated pair of cameras for metres",
        got=f"none that tells {' and '.join(missing)}",
        remedy="give it, or leave metres out to get pixels of disparity",
    )


def picture_tensor(picture: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(picture).permute(2, 0, 1).to(torch.float32).div_(255.0)
