# SPDX-License-Identifier: Apache-2.0
"""What a picture is compared with, where that stands, and what mirroring does to both."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Batch
from leadline.models.stereo.pose_network import Motion
from leadline.recipes.stereo.frames import frames_of, source_poses
from leadline.recipes.stereo.monocular_config import Sources
from leadline.recipes.stereo.monocular_recipe import seen_from_target
from leadline.transforms.pair_colours import GammaColours
from tests.recipes.stereo.sequences import moving, true_sigmoid


@pytest.fixture(scope="module")
def batch() -> Batch:
    return moving()


class Recorder(nn.Module):
    """Says that the camera went a metre ahead, and remembers what it was shown."""

    def forward(self, *, earlier: Tensor, later: Tensor) -> Motion:
        self.shown = (earlier, later)
        ahead = torch.tensor([0.0, 0.0, -1.0]).expand(len(earlier), 3)
        return Motion(axis_angle_rad=torch.zeros(len(earlier), 3), translation=ahead)


@pytest.mark.parametrize(("sources", "count"), [("frames", 2), ("pair", 1), ("both", 3)])
def test_frames_of__collects_what_was_asked_for(batch: Batch, sources: Sources, count: int) -> None:
    assert batch.neighbours is not None
    assert batch.stereo is not None
    frames = frames_of(batch, sources=sources, colours=None)
    assert torch.equal(frames.target, batch.image)
    assert frames.sources.shape == (2, count, 3, 48, 64)
    assert frames.offsets == ((-1, 1) if sources != "pair" else ())
    if sources != "pair":
        assert torch.equal(frames.sources[:, :2], batch.neighbours.image)
    if sources != "frames":
        assert torch.equal(frames.sources[:, -1], batch.stereo.image)
    assert (frames.second_from_target_m is None) == (sources == "frames")
    assert torch.equal(frames.seen_target, frames.target)


def test_frames_of__shows_changed_colours_alike_and_keeps_the_clean_ones(batch: Batch) -> None:
    assert batch.neighbours is not None
    still = replace(batch, neighbours=replace(batch.neighbours, image=batch.image[:, None].repeat(1, 2, 1, 1, 1)))
    torch.manual_seed(0)
    frames = frames_of(still, sources="frames", colours=GammaColours(p=1.0))
    assert torch.equal(frames.target, batch.image)
    assert not torch.equal(frames.seen_target, batch.image)
    assert torch.equal(frames.seen_neighbours[:, 0], frames.seen_target)
    torch.manual_seed(0)
    again = frames_of(still, sources="frames", colours=GammaColours(p=1.0))
    assert torch.equal(again.seen_target, frames.seen_target)


def test_source_poses__sees_pictures_in_their_order_and_turns_earlier_ones_round(batch: Batch) -> None:
    assert batch.neighbours is not None
    frames, network = frames_of(batch, sources="both", colours=None), Recorder()
    poses = source_poses(network, frames)  # type: ignore[arg-type]
    before, after = batch.neighbours.image.unbind(dim=1)
    assert torch.equal(network.shown[0], torch.cat([before, batch.image]))
    assert torch.equal(network.shown[1], torch.cat([batch.image, after]))
    assert poses[:, :, 2, 3].tolist() == [[1.0, -1.0, 0.0]] * 2
    torch.testing.assert_close(poses[:, 2, 0, 3], torch.tensor([-0.2, -0.2]))


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_second_view__seen_by_true_depth_is_the_first_also_when_mirrored(batch: Batch, mirror: float) -> None:
    assert batch.stereo is not None
    assert batch.stereo.visible is not None
    assert batch.camera is not None
    frames = frames_of(batch, sources="pair", colours=None, mirror=mirror)
    sigmoid, visible = true_sigmoid(batch), batch.stereo.visible
    if mirror:
        assert torch.equal(frames.target, batch.image.flip(-1))
        sigmoid, visible = sigmoid.flip(-1), visible.flip(-1)
    warped = seen_from_target(frames, sigmoid, source_poses(None, frames))[:, 0]
    moved, still = ((one - frames.target).abs().mean(1)[visible].median() for one in (warped, frames.sources[:, 0]))
    assert float(moved) < 0.3 * float(still)
    matrix = batch.camera.matrix.clone()
    matrix[:, 0, 2] = 35.0
    off_centre = replace(batch, camera=replace(batch.camera, matrix=matrix))
    found = frames_of(off_centre, sources="pair", colours=None, mirror=mirror).matrix
    assert found[0, 0, 2].item() == (64 - 35.0 if mirror else 35.0)


def test_neighbours__seen_by_true_depth_and_motion_are_the_target(batch: Batch) -> None:
    assert batch.neighbours is not None
    assert batch.neighbours.neighbour_from_sample_m is not None
    frames = frames_of(batch, sources="frames", colours=None)
    warped = seen_from_target(frames, true_sigmoid(batch), batch.neighbours.neighbour_from_sample_m)
    for index in range(2):
        moved, still = ((one[:, index] - frames.target).abs().mean(1).median() for one in (warped, frames.sources))
        assert float(moved) < 0.4 * float(still)


@pytest.mark.parametrize(
    ("sources", "missing", "words"),
    [
        ("frames", "camera", "pictures with cameras.*CAMERA"),
        ("frames", "neighbours", "neighbouring frames.*NEIGHBOURS"),
        ("both", "stereo", "second views.*STEREO"),
    ],
)
def test_frames_of__names_what_a_batch_lacks(batch: Batch, sources: Sources, missing: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        frames_of(replace(batch, **{missing: None}), sources=sources, colours=None)  # type: ignore[arg-type]
