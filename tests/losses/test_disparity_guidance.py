# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from leadline.contracts.errors import ContractError
from leadline.geometry.levels import expected_disparity, exponential_levels
from leadline.geometry.warp import in_view
from leadline.losses.disparity_guidance import gradient_guidance, out_of_view_guidance
from tests.peer_tensors import peer_tensors


def maps(*, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    one, other = (9 * torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(1), dtype=dtype)).unbind()
    return one, other


def test_gradient_guidance__agrees_with_the_released_one() -> None:
    stored = peer_tensors("tio_losses")
    disparity_px = stored["disp_a"].requires_grad_()
    found = gradient_guidance(disparity_px=disparity_px, guide_px=stored["disp_b"])
    torch.testing.assert_close(found, stored["gradloss.map"], rtol=0, atol=1e-4)
    (gradient,) = torch.autograd.grad(found.mean(), disparity_px)
    torch.testing.assert_close(gradient, stored["gradloss.grad"], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_guidance__of_the_stages_agrees_with_the_released_one(side: str) -> None:
    stages, levels_px = peer_tensors("tio_stages"), exponential_levels()
    stereo_px, mono_px = (
        expected_disparity(stages[f"in.{name}_logits_s"].softmax(dim=1), levels_px) for name in ("stereo", "mono")
    )
    edges = gradient_guidance(disparity_px=stereo_px, guide_px=mono_px)
    torch.testing.assert_close(edges, stages[f"{side}.stage2.Stereo_gui1_map"], rtol=0, atol=1e-3)
    seen = stages[f"{side}.stage2.edge_mask_s"].bool()
    outside = out_of_view_guidance(disparity_px=stereo_px, guide_px=mono_px, in_view=seen)
    torch.testing.assert_close(outside, stages[f"{side}.stage2.Stereo_gui2_map"], rtol=0, atol=1e-3)
    ours = in_view(mono_px, direction=1 if side == "left" else -1)
    own = out_of_view_guidance(disparity_px=stereo_px, guide_px=mono_px, in_view=ours)
    torch.testing.assert_close(own[:, 1:-1], outside[:, 1:-1])


def test_gradient_guidance__ignores_a_common_shift_and_the_sign_of_a_step() -> None:
    disparity_px, _ = maps()
    assert gradient_guidance(disparity_px=disparity_px, guide_px=disparity_px + 3).max() < 1e-5
    assert gradient_guidance(disparity_px=disparity_px, guide_px=-disparity_px).max() == 0


def test_gradient_guidance__has_the_hand_value() -> None:
    disparity_px, guide_px = torch.tensor([[[0.0, 3.0], [1.0, 1.0]]]), torch.tensor([[[0.0, -1.0], [0.0, 0.0]]])
    assert gradient_guidance(disparity_px=disparity_px, guide_px=guide_px).tolist() == [[[0, 2], [1, 1]]]


def test_out_of_view_guidance__teaches_only_what_nothing_can_be_matched_with() -> None:
    disparity_px, guide_px = (one.requires_grad_() for one in maps())
    seen = torch.ones(2, 4, 5, dtype=torch.bool)
    seen[..., :2] = False
    found = out_of_view_guidance(disparity_px=disparity_px, guide_px=guide_px, in_view=seen)
    assert torch.equal(found[~seen], (disparity_px - guide_px)[~seen].abs())
    assert found[seen].max() == 0
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert disparity_px.grad is not None
    assert (disparity_px.grad != 0).equal(~seen)
    assert guide_px.grad is None


def test_guidance__has_the_right_gradient_and_full_precision() -> None:
    disparity_px, guide_px = maps(dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda one: gradient_guidance(disparity_px=one, guide_px=guide_px), disparity_px.requires_grad_()
    )
    assert gradient_guidance(disparity_px=disparity_px.bfloat16(), guide_px=guide_px.bfloat16()).dtype == torch.float32


def test_guidance__refuses_another_size() -> None:
    disparity_px, guide_px = maps()
    with pytest.raises(ContractError, match="disparity_px and guide_px of one batch and size"):
        gradient_guidance(disparity_px=disparity_px, guide_px=guide_px[..., :-1])
    with pytest.raises(ContractError, match="disparity_px and in_view of one batch and size"):
        out_of_view_guidance(disparity_px=disparity_px, guide_px=guide_px, in_view=torch.ones(2, 4, 4, dtype=torch.bool))


def test_gradient_guidance__teaches_the_disparity_only() -> None:
    disparity_px, guide_px = (one.requires_grad_() for one in maps())
    gradient_guidance(disparity_px=disparity_px, guide_px=guide_px).sum().backward()  # type: ignore[no-untyped-call]
    assert disparity_px.grad is not None
    assert guide_px.grad is None
