# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.geometry.camera import intrinsic_matrix, unproject
from leadline.geometry.pose import pose_matrix
from leadline.geometry.reprojection import back_project, project, reproject, sample_at
from leadline.geometry.warp import in_view, warp_by_disparity
from tests.peer_tensors import peer_tensors


def test_points__agree_with_monodepth2() -> None:
    stored = peer_tensors("monodepth2")
    points_m = back_project(stored["depth"], stored["inv_K"], centre_px=0.0)
    torch.testing.assert_close(points_m.flatten(2), stored["backproject.points"][:, :3], rtol=1e-4, atol=1e-5)
    positions_px, _ = project(points_m, intrinsics=stored["K"], pose=stored["pose.T"])
    grid = 2 * positions_px.movedim(1, 3) / torch.tensor([19.0, 11.0]) - 1
    torch.testing.assert_close(grid, stored["project3d.grid"], rtol=1e-5, atol=1e-5)
    for parity, key in ((False, "true"), (True, "false")):
        seen = sample_at(stored["img_a"], positions_px, centre_px=0.0, parity=parity)
        torch.testing.assert_close(seen, stored[f"warp_border_align_{key}"], rtol=0, atol=1e-5)


def test_reproject__agrees_with_tio_depth() -> None:
    stored = peer_tensors("tio_losses")
    seen = reproject(stored["img_a"], stored["depth"], intrinsics=stored["K"], pose=stored["T"], centre_px=0.0)
    torch.testing.assert_close(seen.image, stored["warp.img"], rtol=0, atol=1e-4)
    assert torch.equal(seen.in_view, stored["warp.in_view"].bool())


def test_back_project__is_the_camera_that_the_rest_of_the_house_uses() -> None:
    matrix = intrinsic_matrix(focal_px=(20.0, 22.0), centre_px=(6.0, 3.5))[None]
    depth_m = 1 + torch.rand(1, 7, 12)
    found = back_project(depth_m, torch.linalg.inv(matrix))
    torch.testing.assert_close(found, unproject(depth_m, matrix), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("direction", [1, -1])
def test_reproject__along_the_baseline_is_the_shift_by_disparity(direction: int) -> None:
    generator = torch.Generator().manual_seed(2)
    other, disparity_px = torch.rand(1, 3, 6, 32, generator=generator), 1 + 6 * torch.rand(1, 6, 32, generator=generator)
    matrix = intrinsic_matrix(focal_px=(40.0, 40.0), centre_px=(16.0, 3.0))[None]
    to_other = pose_matrix(axis_angle=torch.zeros(1, 3), translation_m=torch.tensor([[-direction * 0.5, 0.0, 0.0]]))
    seen = reproject(other, 40 * 0.5 / disparity_px, intrinsics=matrix, pose=to_other)
    torch.testing.assert_close(seen.image, warp_by_disparity(other, disparity_px, direction=direction), rtol=0, atol=1e-4)
    inner = slice(1, -1)  # in the outermost rows rounding decides
    assert torch.equal(seen.in_view[:, inner], in_view(disparity_px, direction=direction)[:, inner])


def test_reproject__of_a_camera_that_stands_still_is_the_picture() -> None:
    image = torch.rand(2, 3, 5, 9)
    matrix = intrinsic_matrix(focal_px=(8.0, 8.0), centre_px=(4.5, 2.5)).expand(2, 3, 3)
    seen = reproject(image, torch.full((2, 5, 9), 3.0), intrinsics=matrix, pose=torch.eye(4).expand(2, 4, 4))
    torch.testing.assert_close(seen.image, image, rtol=0, atol=1e-5)


def test_reproject__calls_what_lies_behind_the_camera_out_of_view() -> None:
    image, depth_m = torch.rand(1, 3, 5, 9), torch.full((1, 5, 9), 3.0)
    matrix = intrinsic_matrix(focal_px=(8.0, 8.0), centre_px=(4.5, 2.5))[None]
    backwards = pose_matrix(axis_angle=torch.zeros(1, 3), translation_m=torch.tensor([[0.0, 0.0, -9.0]]))
    seen = reproject(image, depth_m, intrinsics=matrix, pose=backwards)
    assert not seen.in_view.any()
    assert seen.image.isfinite().all()


def test_reproject__gives_gradients_to_depth_and_pose() -> None:
    generator = torch.Generator().manual_seed(3)
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(10.0), indexing="ij")
    image = torch.stack([columns, rows, columns + rows])[None] / 10  # flat, so no step of the sampling shows
    matrix = intrinsic_matrix(focal_px=(9.0, 9.0), centre_px=(5.0, 4.0))[None]
    depth_m = (4 + torch.rand(1, 8, 10, generator=generator)).requires_grad_()
    turn, shift_m = torch.full((1, 3), 0.02, requires_grad=True), torch.tensor([[0.1, 0.05, -0.2]], requires_grad=True)

    def total() -> torch.Tensor:
        pose = pose_matrix(axis_angle=turn, translation_m=shift_m)
        return reproject(image, depth_m, intrinsics=matrix, pose=pose).image[..., 2:-2, 2:-2].sum()

    found = torch.autograd.grad(total(), (depth_m, turn, shift_m))
    with torch.no_grad():
        before = total()
        shift_m[0, 0] += 1e-2
        slope = (total() - before) / 1e-2
    assert found[2][0, 0].item() == pytest.approx(slope.item(), rel=1e-2)
    assert found[0].abs().sum() > 0
    assert found[1].abs().sum() > 0


def test_reproject__needs_one_size() -> None:
    with pytest.raises(ContractError, match=r"of one size; got \(1, 3, 4, 8\) and \(1, 4, 7\)"):
        reproject(torch.zeros(1, 3, 4, 8), torch.ones(1, 4, 7), intrinsics=torch.eye(3)[None], pose=torch.eye(4)[None])


def test_reproject__is_as_exact_under_autocast() -> None:
    generator = torch.Generator().manual_seed(4)
    image, depth_m = torch.rand(1, 3, 6, 400, generator=generator), 4 + torch.rand(1, 6, 400, generator=generator)
    matrix = intrinsic_matrix(focal_px=(300.0, 300.0), centre_px=(200.0, 3.0))[None]
    pose = pose_matrix(axis_angle=torch.zeros(1, 3), translation_m=torch.tensor([[0.1, 0.0, 0.0]]))
    wanted = reproject(image, depth_m, intrinsics=matrix, pose=pose)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = reproject(image, depth_m, intrinsics=matrix, pose=pose)
    assert torch.equal(found.image, wanted.image)
