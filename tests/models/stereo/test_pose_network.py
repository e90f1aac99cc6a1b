# SPDX-License-Identifier: Apache-2.0
"""The pose network sees two pictures in order; its outputs become the matrices monodepth2 makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.geometry.pose import inverse_pose, pose_matrix
from leadline.models.stereo.pose_network import MOTION_SCALE, PoseNetwork
from tests.shared_paths import stored


@pytest.fixture(scope="module")
def network() -> PoseNetwork:
    torch.manual_seed(0)
    return PoseNetwork().eval()


def test_pose_network__begins_with_a_camera_that_hardly_moves(network: PoseNetwork) -> None:
    earlier, later = torch.rand(2, 2, 3, 64, 96).unbind()
    with torch.no_grad():
        motion = network(earlier=earlier, later=later)
    assert motion.axis_angle_rad.shape == motion.translation.shape == (2, 3)
    assert motion.axis_angle_rad.dtype == torch.float32
    assert float(torch.cat(motion).abs().max()) < 0.02
    head = network.head[-1]
    assert isinstance(head, torch.nn.Conv2d)
    assert head.bias is not None
    with torch.no_grad():
        before = torch.cat(network(earlier=earlier, later=later), dim=1)
        head.bias += torch.arange(6.0)
        after = torch.cat(network(earlier=earlier, later=later), dim=1)
        head.bias -= torch.arange(6.0)
    torch.testing.assert_close(after - before, MOTION_SCALE * torch.arange(6.0).expand(2, 6), atol=1e-6, rtol=1e-4)


def test_pose_network__tells_earlier_from_later_and_uses_both(network: PoseNetwork) -> None:
    one, other = torch.rand(2, 1, 3, 64, 64).unbind()
    forth = torch.cat(network(earlier=one, later=other))
    assert not torch.allclose(forth, torch.cat(network(earlier=other, later=one)))
    assert not torch.allclose(forth, torch.cat(network(earlier=one, later=one)))


def test_pose_network__has_monodepth2s_size_and_trains_every_parameter() -> None:
    network = PoseNetwork()
    encoder = sum(one.numel() for one in network.encoder.parameters())
    head = sum(one.numel() for one in network.head.parameters())
    assert encoder == 11_176_512 + 64 * 3 * 49  # a ResNet-18 without its classifier, with a first layer twice as deep
    assert head == (512 + 1) * 256 + 2 * (256 * 9 + 1) * 256 + (256 + 1) * 6
    motion = network(earlier=torch.rand(2, 3, 32, 32), later=torch.rand(2, 3, 32, 32))
    torch.cat(motion).sum().backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is not None for one in network.parameters())


def test_pose_network__shows_its_encoder_both_pictures_as_monodepth2_does(network: PoseNetwork) -> None:
    shown: list[torch.Tensor] = []
    hook = network.encoder.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    with torch.no_grad():
        network(earlier=torch.full((1, 3, 32, 32), 0.45), later=torch.full((1, 3, 32, 32), 0.9))
    hook.remove()
    assert shown[0].mean(dim=(0, 2, 3)).tolist() == pytest.approx([0.0] * 3 + [2.0] * 3, abs=1e-6)


def test_pose_network__refuses_two_sizes(network: PoseNetwork) -> None:
    with pytest.raises(ContractError, match=r"one size; got \(1, 3, 32, 32\) and \(1, 3, 32, 64\)"):
        network(earlier=torch.rand(1, 3, 32, 32), later=torch.rand(1, 3, 32, 64))


def test_motion__becomes_monodepth2s_matrices_forward_and_turned_round() -> None:
    known = stored("monodepth2")
    angle, way = (torch.from_numpy(known[name][:, 0]) for name in ("axisangle", "translation"))
    pose = pose_matrix(axis_angle=angle, translation_m=way)
    np.testing.assert_allclose(pose.numpy(), known["pose.T"], atol=1e-5)
    np.testing.assert_allclose(inverse_pose(pose).numpy(), known["pose.T_inverted"], atol=1e-5)
