# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn
from torch.nn import functional

from leadline.models.stereo.aggregation import FeatureAggregation, ReflectConv, convolution_block, moved, offset_generator


class Rightwards(nn.Module):
    """Offsets that read every pixel so many to its right."""

    def __init__(self, pixels: float) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, both: torch.Tensor) -> torch.Tensor:
        offsets = both.new_zeros(len(both), 2, *both.shape[-2:])
        offsets[:, 0] = self.pixels
        return offsets


def ramp(height: int = 4, width: int = 6) -> torch.Tensor:
    return torch.arange(float(height * width)).view(1, 1, height, width)


def test_moved__with_whole_pixels_is_a_shift_and_zero_beyond_the_border() -> None:
    offsets = torch.zeros(1, 2, 4, 6)
    offsets[:, 0], offsets[:, 1] = 2, -1
    expected = torch.zeros(1, 1, 4, 6)
    expected[..., 1:, :-2] = ramp()[..., :-1, 2:]
    assert torch.allclose(moved(ramp(), offsets), expected, atol=1e-5)


def test_moved__reads_between_pixels() -> None:
    offsets = torch.full((1, 2, 4, 6), 0.25)
    assert moved(ramp(), offsets)[0, 0, 1, 1] == pytest.approx(7 + 0.25 + 0.25 * 6, abs=1e-5)


def test_moved__by_nothing_is_the_map_itself_even_one_pixel_wide() -> None:
    narrow = torch.rand(1, 3, 5, 1)
    assert torch.allclose(moved(narrow, torch.zeros(1, 2, 5, 1)), narrow, atol=1e-6)


def test_moved__counts_pixels_exactly_in_half_precision() -> None:
    wide = torch.rand(1, 1, 1, 600).bfloat16()
    same = moved(wide, torch.zeros(1, 2, 1, 600, dtype=torch.bfloat16))
    assert same.dtype is torch.bfloat16
    assert torch.allclose(same, wide, rtol=2**-7, atol=1e-3)


def test_reflect_conv__mirrors_the_border() -> None:
    layer = ReflectConv(2, 3)
    x = torch.rand(1, 2, 4, 5)
    mirrored = functional.pad(x, (1, 1, 1, 1), mode="reflect")
    assert torch.equal(layer(x), functional.conv2d(mirrored, layer.weight, layer.bias))


def test_reflect_conv__repeats_a_single_row_or_column() -> None:
    layer = ReflectConv(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    assert layer(torch.tensor([[[[1.0, 2.0, 4.0]]]])).tolist() == [[[[15.0, 21.0, 24.0]]]]
    assert layer(torch.ones(1, 1, 3, 1)).shape == (1, 1, 3, 1)
    assert layer(torch.ones(1, 1, 1, 1)).item() == 9


def test_convolution_block__ends_with_an_elu() -> None:
    assert convolution_block(2, 3)(100 * torch.randn(1, 2, 8, 8)).min().item() == pytest.approx(-1, abs=1e-3)


def test_offset_generator__moves_nothing_before_it_has_learned_to() -> None:
    generator = offset_generator(4)
    assert torch.equal(generator(torch.rand(2, 8, 3, 5)), torch.zeros(2, 2, 3, 5))
    assert [name for name, one in generator.named_parameters() if one.ndim == 4] == ["0.weight", "3.weight"]  # no biases


def test_feature_aggregation__starts_as_the_sum_of_both_maps() -> None:
    step = FeatureAggregation(3, 4)
    x, feature = torch.rand(1, 4, 5, 7), torch.rand(1, 3, 5, 7)
    assert torch.allclose(step(x, feature, offset_generator(4)), x + step.project(feature), atol=1e-5)


def test_feature_aggregation__moves_each_map_by_its_own_offsets() -> None:
    step = FeatureAggregation(1, 4)
    nn.init.zeros_(step.project[0].weight)  # type: ignore[arg-type]
    nn.init.ones_(step.project[0].bias)  # type: ignore[arg-type]
    step.decoder_offsets = nn.Sequential(Rightwards(0.0))
    x = torch.zeros(1, 4, 2, 3)
    moved_feature = step(x, torch.zeros(1, 1, 2, 3), Rightwards(1.0))
    assert moved_feature[0, 0].tolist() == [[1, 1, 0]] * 2
    step.decoder_offsets = nn.Sequential(Rightwards(2.0))
    both = step(x + 5, torch.zeros(1, 1, 2, 3), Rightwards(1.0))
    assert both[0, 0].tolist() == [[6, 1, 0]] * 2
