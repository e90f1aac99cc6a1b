# SPDX-License-Identifier: Apache-2.0
"""Planted faults of unit, mask and camera are noticed; honest samples are left in peace."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from leadline.contracts.camera import Camera
from leadline.contracts.depth_map import DepthKind
from leadline.contracts.manifest import ManifestLine
from leadline.contracts.sample import Sample
from leadline.data.frame import pinhole
from leadline.data.labelled_folder import open_labelled_folder
from leadline.data.manifest_file import write_manifest
from leadline.data.procedural.scenes import ProceduralScenes
from leadline.data.request import DatasetRequest
from leadline.data.suspicions import UNDETECTABLE, bottom_is_farther, suspicions
from leadline.geometry.camera import camera_rays
from tests.shared_paths import shared

MILLIMETRES = torch.arange(1000, 1000 + 24 * 32).reshape(24, 32).flip(0)  # 1 to 1.8 m, the bottom near


def sample(
    depth: Tensor, valid: Tensor | None = None, kind: DepthKind = DepthKind.METRIC, camera: Camera | None = None
) -> Sample:
    mask = torch.ones_like(depth, dtype=torch.bool) if valid is None else valid
    return Sample(
        key="a", dataset="toy", image=torch.zeros(3, *depth.shape), depth=depth.float(), valid=mask, kind=kind, camera=camera
    )


HONEST = sample(MILLIMETRES / 1000)


def test_suspicions__says_nothing_of_an_honest_sample() -> None:
    camera = pinhole(focal_px=(30.0, 30.0), centre_px=(16.0, 12.0))
    assert suspicions(dataclasses.replace(HONEST, camera=camera)) == []


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (MILLIMETRES.float(), "beyond 200 m"),
        (MILLIMETRES.float(), "whole number of metres"),
        (MILLIMETRES / 4, "beyond 200 m"),
        (MILLIMETRES / 1e6, "farther than 0.3 m"),
        (MILLIMETRES % 200 / 1000 + 0.001, "farther than 0.3 m"),
        (MILLIMETRES * 8 / 1000, "multiples of 8 mm"),
        (torch.full((24, 32), 2.0), "one and the same"),
        (torch.where(MILLIMETRES == 1500, 65535, MILLIMETRES) / 1000, "65.535"),
        (MILLIMETRES.clamp(max=1600) / 1000, "share the largest"),
        (torch.where(MILLIMETRES == 1500, -1000, MILLIMETRES) / 1000, "mask inverted"),
        (torch.where(MILLIMETRES == 1500, torch.nan, MILLIMETRES / 1000), "mask inverted"),
    ],
)
def test_suspicions__notices_planted_units(depth: Tensor, words: str) -> None:
    assert any(words in doubt for doubt in suspicions(sample(depth)))


def test_suspicions__notices_an_inverted_mask() -> None:
    holes = torch.zeros(24, 32, dtype=torch.bool)
    holes[:6] = True
    zeroed = torch.where(holes, 0, MILLIMETRES) / 1000
    assert suspicions(sample(zeroed, ~holes)) == []
    assert any("mask inverted" in doubt for doubt in suspicions(sample(zeroed, holes)))
    kept = MILLIMETRES / 1000  # a mask on its own, depth complete
    assert any("mask inverted" in doubt for doubt in suspicions(sample(kept, holes)))


def test_suspicions__notices_emptiness() -> None:
    assert suspicions(sample(MILLIMETRES / 1000, torch.zeros(24, 32, dtype=torch.bool))) == [
        "no valid pixel at all: is the mask inverted?"
    ]


def test_suspicions__does_not_judge_the_unit_of_relative_depth() -> None:
    assert suspicions(sample(MILLIMETRES.float(), kind=DepthKind.AFFINE_DISPARITY)) == []
    assert suspicions(sample(torch.ones(24, 32), kind=DepthKind.AFFINE_DISPARITY)) == [
        "all valid pixels hold one and the same value"
    ]


@pytest.mark.parametrize(
    ("focal", "centre", "words"),
    [
        ((500.0, 500.0), (16.0, 12.0), "15 or more than 140"),
        ((1.0, 1.0), (16.0, 12.0), "15 or more than 140"),
        ((5.0, 5.0), (16.0, 12.0), "15 or more than 140"),
        ((30.0, 30.0), (12.0, 16.0), "cx and cy swapped"),
        ((30.0, 30.0), (12.8, 15.0), "cx and cy swapped"),
        ((30.0, 30.0), (320.0, 240.0), "principal point"),
        ((30.0, 50.0), (16.0, 12.0), "differ by more than a quarter"),
        ((30.0, -30.0), (16.0, 12.0), "upside down"),
    ],
)
def test_suspicions__notices_a_wrong_camera(focal: tuple[float, float], centre: tuple[float, float], words: str) -> None:
    doubts = suspicions(dataclasses.replace(HONEST, camera=pinhole(focal_px=focal, centre_px=centre)))
    assert len(doubts) == 1
    assert words in doubts[0]


@pytest.mark.parametrize(("height", "width"), [(32, 24), (24, 64)])
def test_suspicions__a_swapped_centre_is_noticed_once_in_any_format_and_a_right_one_is_not(height: int, width: int) -> None:
    image, focal = torch.zeros(3, height, width), (30.0, 30.0)

    def doubts(cx: float, cy: float) -> list[str]:
        camera = pinhole(focal_px=focal, centre_px=(cx, cy))
        return suspicions(Sample(key="a", dataset="t", image=image, camera=camera))

    assert doubts(width / 2, height / 2) == []
    assert doubts(0.53 * width, 0.46 * height) == []
    assert not any("swapped" in doubt for doubt in doubts(height / 2, height / 2))  # one of the two could be a crop's
    (doubt,) = doubts(height / 2, width / 2)
    assert "cx and cy swapped" in doubt


def test_suspicions__a_nearly_square_picture_has_no_swapped_centre() -> None:
    camera = pinhole(focal_px=(30.0, 30.0), centre_px=(15.0, 16.0))
    assert suspicions(Sample(key="a", dataset="t", image=torch.zeros(3, 32, 30), camera=camera)) == []


def test_suspicions__looks_at_the_camera_of_samples_without_depth() -> None:
    camera = pinhole(focal_px=(30.0, 30.0), centre_px=(320.0, 12.0))
    assert len(suspicions(Sample(key="a", dataset="t", image=torch.zeros(3, 24, 32), camera=camera))) == 1


def test_suspicions__sees_ray_length_where_a_camera_is_known_and_says_when_it_cannot() -> None:
    scene = ProceduralScenes(count=1, height=96, width=128)[0]
    assert scene.depth is not None
    assert scene.camera is not None
    length = dataclasses.replace(scene, depth=scene.depth * camera_rays(scene.camera.matrix, 96, 128).norm(dim=0))
    assert suspicions(scene) == []
    (doubt,) = suspicions(length)
    assert "lengths of rays" in doubt
    assert suspicions(dataclasses.replace(length, camera=None)) == []
    assert suspicions(dataclasses.replace(length, kind=DepthKind.AFFINE_DEPTH)) == []
    assert "ray length" in UNDETECTABLE


def test_suspicions__cannot_see_a_plausible_wrong_focal_length_and_says_so() -> None:
    for focal in (20.0, 30.0, 60.0):
        camera = pinhole(focal_px=(focal, focal), centre_px=(16.0, 12.0))
        assert suspicions(dataclasses.replace(HONEST, camera=camera)) == []
    assert "focal length" in UNDETECTABLE


def test_suspicions__cannot_see_an_inverted_mask_over_plausible_garbage_and_says_so() -> None:
    holes = torch.zeros(24, 32, dtype=torch.bool)
    holes[:16] = True  # two thirds of the picture hold no measurement, but positive numbers all the same
    assert suspicions(sample(MILLIMETRES / 1000, holes)) == []
    assert "inverted mask" in UNDETECTABLE


def test_bottom_is_farther__tells_disparity_from_depth() -> None:
    assert bottom_is_farther(HONEST) is False
    assert bottom_is_farther(sample(1000 / MILLIMETRES)) is True
    assert bottom_is_farther(sample(1000 / MILLIMETRES, kind=DepthKind.AFFINE_DISPARITY)) is None
    nothing_above = torch.arange(24)[:, None].expand(24, 32) > 12
    assert bottom_is_farther(sample(MILLIMETRES / 1000, nothing_above)) is None


@pytest.mark.parametrize(
    ("image", "depth", "scale", "words"),
    [
        (
            "redwood_tum_sun/other_formats/SUN_color.jpg",
            "redwood_tum_sun/other_formats/SUN_depth.png",
            0.001,
            "multiples of 8",
        ),
        ("seven_scenes/frame-000858.color.jpg", "seven_scenes/frame-000858.depth.png", 0.001, "65.535"),
        ("seven_scenes/frame-000000.color.jpg", "seven_scenes/frame-000000.depth.png", 1.0, "beyond 200 m"),
        ("tum/1.png", "tum/1_depth.png", 0.0002, None),
        ("icl_nuim/color/1.png", "icl_nuim/depth/1.png", 0.0002, None),
        ("nyu_like/color/1.png", "nyu_like/depth/1.pgm", 0.001, None),
        ("hololens/000/images/00003.png", "hololens/000/depth/00003.png", 0.001, None),
    ],
)
def test_suspicions__judges_real_frames(tmp_path: Path, image: str, depth: str, scale: float, words: str | None) -> None:
    line = ManifestLine(image=str(shared(f"data/{image}")), depth=str(shared(f"data/{depth}")), scale=scale)
    write_manifest(tmp_path / "manifest.jsonl", [line])
    doubts = suspicions(open_labelled_folder(DatasetRequest(root=tmp_path))[0])
    if words is None:
        assert doubts == []
    else:
        assert any(words in doubt for doubt in doubts)
