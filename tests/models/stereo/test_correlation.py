# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from torch import Tensor

from leadline.benchmarks.stereo_matching_forms import shifting_correlation
from leadline.models.stereo import correlation
from leadline.models.stereo.correlation import row_correlation

SHIFTS_PX = (0.0, 0.4, 2.0, 3.75, 6.2, 40.0)  # none, parts of a pixel, a whole number, beyond the picture


def two_maps(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    drawn = torch.randn(2, *shape, generator=torch.Generator().manual_seed(5), dtype=dtype)
    return drawn[0], drawn[1]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("width", [1, 2, 31, 32, 33, 70])
def test_row_correlation__equals_moving_the_features_for_every_shift(direction: int, width: int) -> None:
    target, other = two_maps(2, 3, 4, width)
    given = {"target": target, "other": other, "shifts_px": SHIFTS_PX, "direction": direction}
    ours, moved = row_correlation(**given), shifting_correlation(**given)  # type: ignore[arg-type]
    assert ours.shape == (2, len(SHIFTS_PX), 4, width)
    assert torch.allclose(ours, moved, rtol=0, atol=1e-12)


def test_row_correlation__equals_the_shifting_form_to_a_millionth_in_single_precision() -> None:
    target, other = two_maps(1, 32, 8, 416)
    shifts_px = tuple(150 * (2 / 300) ** (1 - i / 48) for i in range(49))
    ours = row_correlation(target=target.float(), other=other.float(), shifts_px=shifts_px, direction=1)
    moved = shifting_correlation(target=target, other=other, shifts_px=shifts_px, direction=1)
    assert ours.dtype is torch.float32
    assert (ours - moved).abs().max() < 1e-6 * moved.abs().max()


def test_row_correlation__reads_a_left_pixel_to_its_left_in_the_other_view() -> None:
    target, other = torch.ones(1, 1, 1, 6), torch.arange(6.0).view(1, 1, 1, 6)
    left = row_correlation(target=target, other=other, shifts_px=(2.0, 0.5), direction=1)
    assert left[0, :, 0].tolist() == [[0, 0, 0, 1, 2, 3], [0, 0.5, 1.5, 2.5, 3.5, 4.5]]
    right = row_correlation(target=target, other=other, shifts_px=(2.0, 0.5), direction=-1)
    assert right[0, :, 0].tolist() == [[2, 3, 4, 5, 5, 5], [0.5, 1.5, 2.5, 3.5, 4.5, 5]]


def test_row_correlation__divides_by_the_root_of_the_channels() -> None:
    ones = torch.ones(1, 16, 1, 3)
    assert torch.allclose(row_correlation(target=ones, other=ones, shifts_px=(1.0,), direction=1), torch.tensor(4.0))


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("shifts_px", [SHIFTS_PX, (0.0,)])
def test_row_correlation__has_the_true_gradient(
    direction: int, shifts_px: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correlation, "_TILE", 3)
    target, other = (one.requires_grad_() for one in two_maps(2, 2, 2, 7))

    def cost(target: Tensor, other: Tensor) -> Tensor:
        return row_correlation(target=target, other=other, shifts_px=shifts_px, direction=direction)

    assert torch.autograd.gradcheck(cost, (target, other))


def test_row_correlation__computes_in_single_precision_under_autocast() -> None:
    target, other = two_maps(1, 8, 2, 16, dtype=torch.float32)
    plain = row_correlation(target=target, other=other, shifts_px=SHIFTS_PX, direction=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = row_correlation(target=target, other=other, shifts_px=SHIFTS_PX, direction=1)
    assert torch.equal(plain, cast)


def test_row_correlation__can_be_trained_after_a_prediction_without_gradients() -> None:
    target, other = two_maps(1, 2, 2, 19)
    shifts_px = (1.25,)  # of no other test: the weights of levels are kept
    with torch.inference_mode():
        row_correlation(target=target, other=other, shifts_px=shifts_px, direction=1)
    leaf = target.requires_grad_()
    row_correlation(target=leaf, other=other, shifts_px=shifts_px, direction=1).sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert math.isfinite(leaf.grad.sum())


def test_row_correlation__keeps_only_both_maps_for_the_way_back() -> None:
    target, other = (one.clone().requires_grad_() for one in two_maps(1, 8, 4, 64, dtype=torch.float32))
    shifts_px = tuple(float(one) for one in range(100))
    kept = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        row_correlation(target=target, other=other, shifts_px=shifts_px, direction=1)
    weights = 4 * 100 * 64  # that read the levels out of products; no shift needs to be greater than the map is wide
    assert kept == 2 * 4 * target.numel() + weights
