# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes as a dataset: determinism, geometry, stereo, pairs, splits, refusals."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field, Sample
from leadline.data.procedural.ordinal_pairs import CLEAR_RATIO
from leadline.data.procedural.scenes import FARTHEST_M, ProceduralScenes, seen_from
from leadline.data.procedural.tracing import nearest_hits
from leadline.geometry.camera import unproject
from tests.data.procedural.hand_made import ground_and_box, level_view

small = partial(ProceduralScenes, height=48, width=64)


def tensors(sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
    assert sample.depth is not None
    assert sample.valid is not None
    assert sample.camera is not None
    return sample.depth, sample.valid, sample.camera.matrix


def digest(sample: Sample) -> str:
    depth, valid, matrix = tensors(sample)
    parts = [sample.image, depth, valid, matrix]
    if sample.stereo is not None:
        assert sample.stereo.disparity_px is not None
        parts += [sample.stereo.image, sample.stereo.disparity_px, sample.stereo.baseline_m]
    if sample.ordinal is not None:
        parts += [sample.ordinal.nearer_rc, sample.ordinal.farther_rc]
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def test_scenes__are_the_same_bytes_in_any_order_and_any_process() -> None:
    scenes = small(40, seed=3, stereo=True, ordinal_pairs=4)
    ours = {index: digest(scenes[index]) for index in (7, 2, 31)}
    again = small(40, seed=3, stereo=True, ordinal_pairs=4)
    assert {index: digest(again[index]) for index in (31, 7, 2)} == ours
    program = (
        "from tests.data.procedural.test_scenes import digest, small\n"
        "scenes = small(40, seed=3, stereo=True, ordinal_pairs=4)\n"
        "print(digest(scenes[2]), digest(scenes[31]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True, check=True)
    assert done.stdout.decode().split() == [ours[2], ours[31]]


def test_scenes__differ_by_index_seed_and_split() -> None:
    scenes = [small(6, seed=seed, split=split) for seed in (0, 1) for split in ("train", "val", "test")]
    digests = {digest(scene[index]) for scene in scenes for index in range(6)}
    assert len(digests) == 36


def test_scenes__extras_change_nothing_in_the_picture() -> None:
    plain, rich = small(3)[1], small(3, stereo=True, ordinal_pairs=9)[1]
    assert torch.equal(plain.image, rich.image)
    assert plain.stereo is None
    assert plain.ordinal is None


@pytest.mark.parametrize("kind", ["room", "yard", "street"])
def test_scenes__have_sound_pictures_depths_and_cameras(kind: str) -> None:
    scenes = small(8, kinds={kind: 1.0})
    for index in range(8):
        sample = scenes[index]
        depth, valid, matrix = tensors(sample)
        assert sample.image.dtype == depth.dtype == matrix.dtype == torch.float32
        assert sample.image.shape == (3, 48, 64)
        assert depth.shape == valid.shape == (48, 64)
        assert torch.isfinite(sample.image).all()
        assert sample.image.min() >= 0
        assert sample.image.max() <= 1
        assert sample.image.std() > 0.02
        assert sample.kind is DepthKind.METRIC
        assert sample.dataset == "procedural"
        assert sample.key == scenes.key(index)
        assert valid.float().mean() > 0.25
        assert depth[valid].min() > 0.05
        assert depth[valid].max() <= FARTHEST_M
        assert 0.86 * 64 <= matrix[0, 0] <= 0.94 * 64
        assert matrix[0, 0] == matrix[1, 1]
        assert matrix[:2, 2].tolist() == [32, 24]


def test_scenes__ground_unprojects_to_one_plane_below_the_camera() -> None:
    scenes = ProceduralScenes(4, kinds={"street": 1.0}, height=96, width=128)
    for index in range(4):
        scene, (depth, valid, matrix) = scenes.scene(index), tensors(scenes[index])
        points = unproject(torch.nan_to_num(depth, nan=1.0).double(), matrix.double())
        pose = scene.pose
        down = torch.tensor(  # the vertical in camera coordinates, from the pose alone
            [np.cos(pose.pitch) * np.sin(pose.roll), np.cos(pose.pitch) * np.cos(pose.roll), -np.sin(pose.pitch)],
            dtype=torch.float64,
        )
        below = torch.einsum("c,chw->hw", down, points)[valid]
        # Nothing is lower than the ground, and much of the picture shows the road itself.
        assert below.max() < pose.height_m + 1e-3
        road = (below - pose.height_m).abs() < 1e-3
        assert road.float().mean() > 0.1


def test_scenes__sky_is_not_valid_and_its_depth_undefined() -> None:
    scenes = small(10, kinds={"street": 1.0})
    skies = 0
    for index in range(10):
        depth, valid, _ = tensors(scenes[index])
        assert torch.isnan(depth[~valid]).all()
        skies += int((~valid).any())
    assert skies >= 5


def test_stereo__disparity_is_focal_times_baseline_over_depth() -> None:
    for index in range(4):
        sample = small(4, stereo=True)[index]
        depth, valid, matrix = tensors(sample)
        assert sample.stereo is not None
        assert sample.stereo.disparity_px is not None
        expected = matrix[0, 0] * sample.stereo.baseline_m / depth
        assert torch.allclose(sample.stereo.disparity_px[valid], expected[valid], rtol=1e-6, atol=0)
        assert sample.stereo.baseline_m > 0
        assert (sample.stereo.disparity_px >= 0).all()


def test_stereo__one_baseline_for_every_scene_where_a_number_is_given() -> None:
    rigs = [small(6, stereo=True, baseline_m=wanted) for wanted in (0.0, 0.54)]
    drawn, given = ([float(scenes[i].stereo.baseline_m) for i in range(6)] for scenes in rigs)  # type: ignore[union-attr]
    assert len(set(drawn)) == 6
    assert set(given) == {float(np.float32(0.54))}
    narrow, wide = (small(1, stereo=True, baseline_m=wanted)[0] for wanted in (0.1, 0.2))
    assert torch.equal(narrow.image, wide.image)
    assert narrow.stereo is not None and wide.stereo is not None  # noqa: PT018
    assert narrow.stereo.disparity_px is not None and wide.stereo.disparity_px is not None  # noqa: PT018
    assert torch.allclose(2 * narrow.stereo.disparity_px, wide.stereo.disparity_px, rtol=1e-5)
    assert not torch.equal(narrow.stereo.image, wide.stereo.image)


@pytest.mark.parametrize("baseline_m", [-0.1, float("nan"), float("inf")])
def test_scenes__refuse_a_baseline_that_is_no_distance(baseline_m: float) -> None:
    with pytest.raises(UsageError, match="baseline_m"):
        small(1, stereo=True, baseline_m=baseline_m)


def warped(sample: Sample) -> Tensor:
    """The right picture at left[x] = right[x - disparity], with linear interpolation."""
    assert sample.stereo is not None
    assert sample.stereo.disparity_px is not None
    height, width = sample.image.shape[1:]
    column = torch.arange(width) + 0.5 - sample.stereo.disparity_px
    row = (torch.arange(height) + 0.5)[:, None].expand(height, width)
    grid = torch.stack([column / width * 2 - 1, row / height * 2 - 1], -1)[None]
    return torch.nn.functional.grid_sample(sample.stereo.image[None], grid, align_corners=False)[0]


def test_stereo__right_picture_warped_by_the_disparity_is_the_left_one_where_visible() -> None:
    scenes = ProceduralScenes(12, stereo=True, height=96, width=128)
    seen, hidden, unmoved = [], [], []
    for index in range(12):
        sample = scenes[index]
        assert sample.stereo is not None
        assert sample.stereo.visible is not None
        error = (warped(sample) - sample.image).abs().mean(0)
        seen.append(error[sample.stereo.visible].median())
        hidden.append(error[~sample.stereo.visible].mean())
        unmoved.append((sample.stereo.image - sample.image).abs().mean(0)[sample.stereo.visible].mean())
        assert error[sample.stereo.visible].mean() < 0.5 * error[~sample.stereo.visible].mean()
    assert sum(seen) < 0.3 * sum(unmoved)
    assert sum(seen) < 0.06 * sum(hidden)


def test_stereo__columns_that_leave_the_right_picture_are_not_visible() -> None:
    sample = small(1, stereo=True, kinds={"room": 1.0})[0]
    assert sample.stereo is not None
    assert sample.stereo.disparity_px is not None
    assert sample.stereo.visible is not None
    outside = torch.arange(64) + 0.5 < sample.stereo.disparity_px
    assert outside.any()
    assert not sample.stereo.visible[outside].any()
    assert sample.stereo.visible[~outside].float().mean() > 0.8


def test_ordinal_pairs__agree_with_the_depth() -> None:
    for index in range(4):
        sample = small(4, ordinal_pairs=50)[index]
        depth, valid, _ = tensors(sample)
        pairs = sample.ordinal
        assert pairs is not None
        assert pairs.nearer_rc.shape == (50, 2)
        assert pairs.valid.float().mean() > 0.9
        near, far = pairs.nearer_rc[pairs.valid].unbind(1), pairs.farther_rc[pairs.valid].unbind(1)
        assert valid[near].all()
        assert valid[far].all()
        assert (depth[far] >= CLEAR_RATIO * depth[near] * (1 - 1e-6)).all()


def test_kinds__are_spread_evenly_in_their_shares() -> None:
    scenes = ProceduralScenes(1000, kinds={"room": 3, "street": 1})
    for start in range(0, 1000, 100):
        rooms = sum(scenes.kind_of(index) == "room" for index in range(start, start + 100))
        assert abs(rooms - 75) <= 3


def test_scenes__provide_what_they_were_asked_for() -> None:
    assert ProceduralScenes(1).provides == {Field.IMAGE, Field.DEPTH, Field.CAMERA}
    rich = ProceduralScenes(1, stereo=True, ordinal_pairs=2, neighbours=(-1, 1))
    assert rich.provides == set(Field) - {Field.VIEWS}
    assert len(ProceduralScenes(17)) == 17
    with pytest.raises(IndexError):
        ProceduralScenes(17)[17]


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"split": "trian"},
        {"height": 0},
        {"ordinal_pairs": -1},
        {"kinds": {"cave": 1}},
        {"kinds": {"room": -1, "yard": 2}},
        {"kinds": {"room": 0}},
        {"kinds": {}},
    ],
)
def test_scenes__refuse_settings_that_describe_no_scene(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ProceduralScenes(**{"count": 3, **wrong})  # type: ignore[arg-type]


def test_stereo__what_the_right_camera_sees_of_a_hand_made_scene() -> None:
    solids, _ = ground_and_box()
    view = level_view(height=80)
    left_m = nearest_hits(solids, view).depth_m
    disparity_px = np.float32(100 * 0.4) / left_m
    visible = seen_from(solids, view.moved_right(0.4), left_m, disparity_px)
    assert visible[40, 28:52].all()  # the whole front of the box
    # The ground row whose z is 6 m: seen from 0.4 m to the right, the box, 4 to 5 m away, hides what it covers from there.
    row = 40 + int(1.5 * 100 / 6)
    z = float(left_m[row, 0])
    x = (np.arange(80) + 0.5 - 40) * z / 100
    at_front, at_back = 0.4 + (x - 0.4) * 4 / z, 0.4 + (x - 0.4) * 5 / z
    hidden = (np.minimum(at_front, at_back) < 0.5) & (np.maximum(at_front, at_back) > -0.5)
    outside = np.arange(80) + 0.5 - disparity_px[row] < 0
    ground = np.isclose(left_m[row], z, rtol=1e-3)
    assert (hidden & ground & ~outside).sum() >= 3
    assert np.array_equal(visible[row][ground], ~(hidden | outside)[ground])
