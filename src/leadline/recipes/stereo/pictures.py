# SPDX-License-Identifier: Apache-2.0
"""A network and a pair enter; a sheet of what each path says of it, what was made of that, and the masks, leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.geometry.visibility import fusion_weight
from leadline.geometry.warp import warp_by_disparity
from leadline.losses.photometric import photometric_difference
from leadline.losses.volume import synthesise
from leadline.rasters.colour import Ramp, colourise, robust_range
from leadline.rasters.images import picture_from_tensor
from leadline.rasters.panels import captioned, tile
from leadline.recipes.stereo.guide import LEFT, guide_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from leadline.models.stereo.stereo_model import StereoModel
    from leadline.recipes.stereo.pair import Pair

ERROR_END = 0.3
"""Photometric differences from here on are as dark as can be."""


def pictured_stages(model: StereoModel, pair: Pair, index: int = 0) -> NDArray[np.uint8]:
    """One pair of a batch: views, disparities of all paths, reconstructions with their differences, masks.

    Call it in evaluation mode and without gradients.

    Returns:
        (h, w, 3) uint8; disparities share one scale of pixels, which the captions state.
    """
    pair = pair.one(index)
    left, right = model.features(pair.left), model.features(pair.right)
    mono_logits = model.mono(left, pair.size)
    guide = guide_of(model, mono_logits, pair)
    other = model.mono(right, pair.size)
    made = synthesise(logits=other, image=pair.right, levels_px=model.levels_px, direction=LEFT)
    maps = {"one eye": guide.disparity_px}
    if model.config.refined:
        maps["one eye, refined"] = model.disparity_px(model.refined(left, pair.size))
    drawn = [[_photo(pair.left, "left"), _photo(pair.right, "right"), _photo(made, "left, made by levels")]]
    masks = [_grey(guide.seen, "seen from the right"), _grey(guide.in_view, "inside the right view")]
    if model.config.matching:
        logits = model.stereo_target(left, right, pair.size, direction=LEFT).logits
        maps["two eyes"] = model.disparity_px(logits)
        made = warp_by_disparity(pair.right, maps["two eyes"], direction=LEFT)
        error = photometric_difference(image=made, target=pair.left)[0].float().cpu().numpy()
        shown = colourise(error, np.ones_like(error, bool), low=0.0, high=ERROR_END, ramp=Ramp.ERROR)
        masks += [
            _grey(fusion_weight(maps["two eyes"], direction=LEFT), "weight of two eyes"),
            captioned(shown, f"two eyes: difference, 0 to {ERROR_END:g}"),
        ]
    return tile([*drawn, _disparities(maps), masks])


def _disparities(maps: dict[str, Tensor]) -> list[NDArray[np.uint8]]:
    values = {name: disparity[0].float().cpu().numpy() for name, disparity in maps.items()}
    every = np.stack(list(values.values()))
    low, high = robust_range(every, np.isfinite(every))
    return [
        captioned(
            colourise(one, np.isfinite(one), low=low, high=high, ramp=Ramp.DISPARITY), f"{name}, {low:.1f} to {high:.1f} px"
        )
        for name, one in values.items()
    ]


def _photo(image_B3HW: Tensor, caption: str) -> NDArray[np.uint8]:
    return captioned(picture_from_tensor(image_B3HW[0].float().clamp(0, 1).cpu()), caption)


def _grey(mask_BHW: Tensor, caption: str) -> NDArray[np.uint8]:
    levels = np.rint(255 * mask_BHW[0].float().cpu().numpy()).astype(np.uint8)
    return captioned(np.repeat(levels[..., None], 3, axis=2), caption)
