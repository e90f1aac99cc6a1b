# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.inference.stereo.looks import Looker, Mode, Seen, Views
from leadline.inference.stereo.post_processing import PostProcessing
from tests.inference.stereo.formula_model import GREATEST_PX, FormulaModel

CPU = torch.device("cpu")


def looker(mode: Mode, model: FormulaModel | None = None) -> Looker:
    return Looker(model or FormulaModel(count=100 if mode == "stereo" else 400), mode, CPU, torch.float32)  # type: ignore[arg-type]


def ramp(height: int = 32, width: int = 64) -> torch.Tensor:
    """Red from dark to bright rightwards, green the other way, bytes."""
    levels = torch.linspace(20, 250, width).round() / 255
    return torch.stack([levels, levels.flip(0), levels]).unsqueeze(1).expand(3, height, width).contiguous()


def shifted_pair(disparity_px: int, height: int = 64, width: int = 96) -> Views:
    noise = torch.randint(0, 256, (3, height, width + disparity_px), generator=torch.Generator().manual_seed(0)) / 255
    return Views(left=noise[..., :width], right=noise[..., disparity_px:])


@pytest.mark.parametrize(("mode", "channel"), [("mono", 0), ("refined", 1)])
def test_look__one_eye_sees_by_its_own_path(mode: Mode, channel: int) -> None:
    seen = looker(mode).see(Views(left=ramp(), right=None), (32, 64))
    torch.testing.assert_close(seen.disparity_px[0], GREATEST_PX * ramp()[channel], rtol=0.01, atol=0.0)
    assert seen.confidence.min() > 0.7


def test_look__both_eyes_measure_and_doubt_what_only_one_sees() -> None:
    seen = looker("stereo").see(shifted_pair(8), (64, 96))
    inner = seen.disparity_px[0, 8:-8, 16:-16]
    assert (inner - 8).abs().max() < 0.25
    assert seen.confidence[0, :, :7].max() == 0
    assert seen.confidence[0, 8:-8, 16:-16].min() > 0.2


@pytest.mark.parametrize("mode", ["mono", "refined", "stereo"])
@pytest.mark.parametrize("choice", ["flip", "blend"])
def test_look__a_mirrored_look_by_an_unbiased_model_changes_nothing(mode: Mode, choice: PostProcessing) -> None:
    views = shifted_pair(8) if mode == "stereo" else Views(left=ramp(), right=None)
    size = (64, 96) if mode == "stereo" else (32, 64)
    once, twice = looker(mode).see(views, size), looker(mode).see(views, size, choice)
    torch.testing.assert_close(twice.disparity_px, once.disparity_px, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(twice.confidence, once.confidence, rtol=1e-3, atol=1e-3)


def test_look__flip_is_the_mean_of_disparities_not_of_depths() -> None:
    class Biased(FormulaModel):
        """Says 10 px, and 30 px of what the first picture is not."""

        def refined(self, features: tuple[torch.Tensor, ...], _size: tuple[int, int]) -> torch.Tensor:
            said = 10.0 if len(self.seen) == 1 else 30.0
            return self._peak(torch.full_like(features[0][:, 0], said))

    seen = looker("refined", Biased()).see(Views(left=ramp(), right=None), (32, 64), "flip")
    torch.testing.assert_close(seen.disparity_px, torch.full((1, 32, 64), 20.0), rtol=0.01, atol=0.0)


def test_look__multiscale_looks_at_two_thirds_and_counts_its_pixels_as_so_many_more() -> None:
    class PixelsOfTheInput(FormulaModel):
        """An eighth of the width of whatever it is shown: what one thing has at every scale."""

        def refined(self, features: tuple[torch.Tensor, ...], size: tuple[int, int]) -> torch.Tensor:
            return self._peak(torch.full_like(features[0][:, 0], size[1] / 8))

    model = PixelsOfTheInput()
    seen = looker("refined", model).see(Views(left=ramp(96, 192), right=None), (96, 192), "multiscale")
    assert model.seen == [(96, 192), (64, 128)]
    torch.testing.assert_close(seen.disparity_px, torch.full((1, 96, 192), 24.0), rtol=0.01, atol=0.0)


def test_seen__disparity_grows_with_the_width_and_confidence_does_not() -> None:
    seen = Seen(disparity_px=torch.full((1, 2, 4), 3.0), confidence=torch.full((1, 2, 4), 0.5)).resized((4, 10))
    torch.testing.assert_close(seen.disparity_px, torch.full((1, 4, 10), 7.5))
    torch.testing.assert_close(seen.confidence, torch.full((1, 4, 10), 0.5))


def test_seen__is_resized_between_pixel_centres() -> None:
    seen = Seen(disparity_px=torch.tensor([[[0.0, 1.0]]]), confidence=torch.tensor([[[0.0, 1.0]]])).resized((1, 4))
    torch.testing.assert_close(seen.confidence[0, 0], torch.tensor([0.0, 0.25, 0.75, 1.0]))
