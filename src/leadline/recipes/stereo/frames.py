# SPDX-License-Identifier: Apache-2.0
"""A batch with neighbours or second views enters; the pictures to compare, clean and as the networks see them, leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from leadline.contracts.errors import ContractError
from leadline.geometry.camera import flipped_camera
from leadline.geometry.pose import inverse_pose, pose_matrix

if TYPE_CHECKING:
    from torch import Tensor

    from leadline.contracts.sample import Batch
    from leadline.models.stereo.pose_network import PoseNetwork
    from leadline.recipes.stereo.monocular_config import Sources
    from leadline.transforms.pair_colours import PairColours


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """B pictures of one size and what each is compared with: K neighbours, then the second view where there is one.

    Attributes:
        target: (B,3,H,W) RGB in [0, 1] as it was taken.
        sources: (B,S,3,H,W), S = K or K + 1, likewise.
        seen_target, seen_neighbours: (B,3,H,W) and (B,K,3,H,W) in changed colours, alike in all of one scene.
        offsets: of the K neighbours, in frames.
        matrix: (B,3,3) pinhole matrix in pixels.
        second_from_target_m: (B,4,4) where the second view stands, in metres; None without one.
    """

    target: Tensor
    sources: Tensor
    seen_target: Tensor
    seen_neighbours: Tensor
    offsets: tuple[int, ...]
    matrix: Tensor
    second_from_target_m: Tensor | None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return (self.target.shape[2], self.target.shape[3])


def frames_of(batch: Batch, *, sources: Sources, colours: PairColours | None, mirror: float = 0.0) -> Frames:
    """The pictures of a batch; colours and mirroring are drawn from torch's global generator on the CPU.

    Args:
        batch: pictures (B,3,H,W) with cameras, and neighbours or second views as ``sources`` says.
        sources: what the pictures are compared with.
        colours: changes all pictures of a scene alike; None leaves them.
        mirror: chance with which a scene is mirrored; its principal point and its second view change sides with it.

    Raises:
        ContractError: something of it is missing in the batch.
    """
    if batch.camera is None:
        raise _missing(batch, "cameras", "CAMERA")
    neighbours, second = batch.neighbours, batch.stereo
    if sources != "pair" and neighbours is None:
        raise _missing(batch, "neighbouring frames", "NEIGHBOURS")
    if sources != "frames" and second is None:
        raise _missing(batch, "second views", "STEREO")
    stacks = [batch.image[:, None]]
    offsets: tuple[int, ...] = ()
    if neighbours is not None and sources != "pair":
        stacks.append(neighbours.image)
        offsets = neighbours.offsets
    if second is not None and sources != "frames":
        stacks.append(second.image[:, None])
    mirrored = _drawn(len(batch.image), mirror).to(batch.image.device)
    clean = _mirrored(torch.cat(stacks, dim=1), mirrored)
    seen = clean if colours is None else torch.stack(colours(clean.unbind(dim=1), torch.default_generator), dim=1)
    flipped = flipped_camera(batch.camera.matrix, width=batch.image.shape[-1])
    return Frames(
        target=clean[:, 0],
        sources=clean[:, 1:],
        seen_target=seen[:, 0],
        seen_neighbours=seen[:, 1 : 1 + len(offsets)],
        offsets=offsets,
        matrix=torch.where(mirrored[:, None, None], flipped, batch.camera.matrix),
        second_from_target_m=None if second is None or sources == "frames" else _second(second.baseline_m, mirrored),
    )


def source_poses(network: PoseNetwork | None, frames: Frames) -> Tensor:
    """Where each source stands: what takes a point from the target's camera frame into the source's, (B,S,4,4).

    The network sees every neighbour beside the target in the order in which they were taken; for earlier ones, what it says
    is turned round.  In metres where there is a second view, else in the unit of the depth that is learned along.
    """
    found = []
    if network is not None and frames.offsets:
        target = frames.seen_target
        pairs = [
            (one, target) if offset < 0 else (target, one)
            for offset, one in zip(frames.offsets, frames.seen_neighbours.unbind(dim=1), strict=True)
        ]
        motion = network(earlier=torch.cat([a for a, _ in pairs]), later=torch.cat([b for _, b in pairs]))
        with torch.autocast(target.device.type, enabled=False):
            forward = pose_matrix(axis_angle=motion.axis_angle_rad, translation_m=motion.translation)
            poses = forward.chunk(len(pairs))
            turned = zip(frames.offsets, poses, strict=True)
            found = [inverse_pose(pose) if offset < 0 else pose for offset, pose in turned]
    if frames.second_from_target_m is not None:
        found.append(frames.second_from_target_m)
    return torch.stack(found, dim=1)


def _drawn(scenes: int, chance: float) -> Tensor:
    """(scenes,) bool; where nothing can come of it, nothing is drawn."""
    return torch.rand(scenes) < chance if chance > 0 else torch.zeros(scenes, dtype=torch.bool)


def _mirrored(pictures: Tensor, mirrored: Tensor) -> Tensor:
    """(B,N,3,H,W) with the scenes of ``mirrored`` (B,) left to right."""
    return torch.where(mirrored[:, None, None, None, None], pictures.flip(-1), pictures)


def _second(baseline_m: Tensor, mirrored: Tensor) -> Tensor:
    """The camera to the right sees a point further left, by its distance; mirrored, it stands to the left."""
    pose = torch.eye(4, device=baseline_m.device).repeat(len(baseline_m), 1, 1)
    pose[:, 0, 3] = torch.where(mirrored, baseline_m, -baseline_m)
    return pose


def _missing(batch: Batch, what: str, field: str) -> ContractError:
    return ContractError(
        expected=f"pictures with {what}",
        got=f"none in a batch with {batch.keys[0]}",
        remedy=f"use datasets that provide {field}, and no transform that drops it",
    )
