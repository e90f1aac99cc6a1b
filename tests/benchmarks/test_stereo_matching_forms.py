# SPDX-License-Identifier: Apache-2.0
import torch

from leadline.benchmarks.stereo_matching_forms import shifting_correlation


def test_shifting_correlation__reads_a_left_pixel_to_its_left_in_the_other_view() -> None:
    target, other = torch.full((1, 4, 2, 5), 0.5), torch.arange(5.0).expand(1, 4, 2, 5)
    left = shifting_correlation(target=target, other=other, shifts_px=(2.0, 0.5), direction=1)
    assert torch.allclose(left[0, :, 1], torch.tensor([[0, 0, 0, 1, 2], [0, 0.5, 1.5, 2.5, 3.5]]), atol=1e-5)
    right = shifting_correlation(target=target, other=other, shifts_px=(2.0, 0.5), direction=-1)
    assert torch.allclose(right[0, :, 0], torch.tensor([[2, 3, 4, 4, 4], [0.5, 1.5, 2.5, 3.5, 4]]), atol=1e-5)
