# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.geometry.pose import inverse_pose, pose_matrix
from tests.peer_tensors import peer_tensors


def test_pose__agrees_with_the_released_one_and_its_inverse() -> None:
    stored = peer_tensors("monodepth2")
    pose = pose_matrix(axis_angle=stored["axisangle"][:, 0], translation_m=stored["translation"][:, 0])
    torch.testing.assert_close(pose, stored["pose.T"], rtol=0, atol=1e-5)
    torch.testing.assert_close(inverse_pose(pose), stored["pose.T_inverted"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1e-6, 5e-5, 1e-3, 1.0, 3.0, 7.0])
def test_pose__turns_by_the_matrix_exponential(size: float) -> None:
    axis_angle = torch.tensor([[0.6, -0.64, 0.48]], dtype=torch.float64) * size
    x, y, z = axis_angle[0].tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    rotation = pose_matrix(axis_angle=axis_angle, translation_m=torch.zeros(1, 3, dtype=torch.float64))[0, :3, :3]
    torch.testing.assert_close(rotation, torch.linalg.matrix_exp(cross), rtol=0, atol=1e-12)


def test_pose__has_a_right_gradient_even_where_nothing_turns() -> None:
    for axis_angle in (torch.zeros(2, 3, dtype=torch.float64), torch.tensor([[0.3, -0.2, 1.1]], dtype=torch.float64)):
        shift_m = torch.ones_like(axis_angle).requires_grad_()
        turn = axis_angle.requires_grad_()
        assert torch.autograd.gradcheck(lambda one, two: pose_matrix(axis_angle=one, translation_m=two), (turn, shift_m))


def test_pose__goes_there_and_back() -> None:
    generator = torch.Generator().manual_seed(1)
    pose = pose_matrix(
        axis_angle=torch.randn(4, 3, generator=generator), translation_m=torch.randn(4, 3, generator=generator)
    )
    torch.testing.assert_close(inverse_pose(pose) @ pose, torch.eye(4).expand(4, 4, 4), rtol=0, atol=1e-5)


def test_pose__says_which_shapes_it_needs() -> None:
    with pytest.raises(ContractError, match=r"of shape \(B,3\); got \(2, 1, 3\) and \(2, 3\)"):
        pose_matrix(axis_angle=torch.zeros(2, 1, 3), translation_m=torch.zeros(2, 3))


def test_pose__is_as_exact_under_autocast() -> None:
    turn, shift_m = torch.tensor([[0.3, -0.2, 1.1]]), torch.tensor([[1.0, 2.0, 3.0]])
    pose = pose_matrix(axis_angle=turn, translation_m=shift_m)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(pose_matrix(axis_angle=turn, translation_m=shift_m), pose)
        found = inverse_pose(pose)
    assert torch.equal(found, inverse_pose(pose))
