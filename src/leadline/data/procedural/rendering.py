# SPDX-License-Identifier: Apache-2.0
"""A scene and a view of it enter; the picture and its exact z-depth leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadline.data.procedural.lighting import Light, irradiance, lit_share, openness
from leadline.data.procedural.surfaces import Surface, surface_of
from leadline.data.procedural.textures import albedo, grain
from leadline.data.procedural.tracing import View, nearest_hits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadline.data.procedural.materials import Colour, MaterialTable
    from leadline.data.procedural.solids import SolidTable

    F32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Air:
    """What is seen where nothing stands, and what dims far things.

    Attributes:
        horizon, zenith: linear sky colours.
        clouds: strength of the clouds, 0 for none.
        haze_per_m: share of a surface's light lost to haze per metre.
    """

    horizon: Colour
    zenith: Colour
    clouds: float
    haze_per_m: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """How light becomes pixel values.

    Attributes:
        brightness: mean linear value of the exposed picture.
        softness: share of each neighbour that a pixel mixes in, in [0, 0.25].
        noise: standard deviation of the grey noise added to the final values.
        white: gains of the three channels (white balance).
    """

    brightness: float
    softness: float
    noise: float
    white: Colour


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """Where the camera is in the scene; ``focal_share`` is the focal length over the picture's width."""

    height_m: float
    yaw: float
    pitch: float
    roll: float
    focal_share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Everything a picture depends on, apart from its size."""

    kind: str
    solids: SolidTable
    materials: MaterialTable
    light: Light
    air: Air
    film: Film
    pose: Pose


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """RGB (3, H, W) in [0, 1], square-root coded, z-depth (H, W) in metres, infinite for the sky, and the exposure used."""

    rgb: F32
    depth_m: F32
    gain: float


def view_of(pose: Pose, height: int, width: int) -> View:
    """The camera of a pose at a size in pixels: yaw to the right, pitch up, roll clockwise, in radians."""
    sin_yaw, cos_yaw = np.sin(pose.yaw), np.cos(pose.yaw)
    sin_pitch, cos_pitch = np.sin(pose.pitch), np.cos(pose.pitch)
    forward = np.array([sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch])
    level_right = np.array([cos_yaw, 0.0, -sin_yaw])
    level_down = np.array([sin_yaw * sin_pitch, -cos_pitch, cos_yaw * sin_pitch])
    right = np.cos(pose.roll) * level_right + np.sin(pose.roll) * level_down
    down = np.cos(pose.roll) * level_down - np.sin(pose.roll) * level_right
    return View(
        position_m=np.array([0.0, pose.height_m, 0.0]),
        rotation=np.stack([right, down, forward], 1),
        focal_px=pose.focal_share * width,
        height=height,
        width=width,
    )


def _sky(air: Air, rays_3P: F32) -> F32:
    """(3, P) colour of the sky along rays: horizon to zenith, with clouds on a plane overhead."""
    length = np.sqrt((rays_3P * rays_3P).sum(0))
    up = np.clip(rays_3P[1] / length, 0.02, 1)
    cloud = grain(rays_3P[0] / (length * up) * 0.6, rays_3P[2] / (length * up) * 0.6, 0.03 / up)
    cover = np.clip(cloud * 1.5 * np.float32(air.clouds), 0, 0.9) * np.minimum(up * 6, 1)
    blend = np.sqrt(up)
    pairs = zip(air.horizon, air.zenith, strict=True)
    return np.stack([(low + (high - low) * blend) * (1 - cover) + 0.95 * cover for low, high in pairs]).astype(np.float32)


def _radiance(scene: Scene, surface: Surface, view: View, depth_m: F32) -> F32:
    """(3, H, W) linear light that reaches the camera."""
    size = (3, view.height, view.width)
    lit = lit_share(scene.solids, surface, view, scene.light)
    light = irradiance(scene.light, surface, lit, openness(scene.solids, surface, view))
    light += scene.materials.glow[surface.material]
    flat = (surface.material.ravel(), surface.u_m.ravel(), surface.v_m.ravel(), surface.footprint_m.ravel())
    light *= albedo(scene.materials, *flat).reshape(size)
    if scene.air.haze_per_m:
        clear = np.exp(np.where(surface.seen, depth_m, 0) * np.float32(-scene.air.haze_per_m))
        for channel, haze in enumerate(scene.air.horizon):
            light[channel] += (np.float32(haze) - light[channel]) * (1 - clear)
    if not surface.seen.all():
        sky = ~surface.seen
        light[:, sky] = _sky(scene.air, view.rays[:, sky])
    return light


def _soften(rgb: F32, share: float) -> None:
    """Mix each pixel with its four neighbours, in place."""
    side = np.float32(share)
    for axis in (1, 2):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        difference = rgb[tuple(ahead)] - rgb[tuple(behind)]
        difference *= side
        rgb[tuple(behind)] += difference
        rgb[tuple(ahead)] -= difference


def _expose(light: F32, film: Film, gain: float, noise: np.random.Generator) -> F32:
    """Linear light to pixel values: exposure, white balance, a square-root transfer curve, softness and noise."""
    light *= np.array([gain * share for share in film.white], np.float32)[:, None, None]
    rgb = np.sqrt(np.clip(light, 0, 1, out=light), out=light)
    _soften(rgb, film.softness)
    rgb += noise.standard_normal(rgb.shape[1:], np.float32) * np.float32(film.noise)
    return np.clip(rgb, 0, 1, out=rgb)


def render(scene: Scene, view: View, noise: np.random.Generator, gain: float | None = None) -> Picture:
    """Picture (3, H, W) and z-depth (H, W) in metres of a scene, at the size of ``view``; ``noise`` is the only randomness.

    ``gain`` fixes the exposure, as the second picture of a pair needs it; None exposes for this view's mean.
    """
    hits = nearest_hits(scene.solids, view)
    light = _radiance(scene, surface_of(scene.solids, view, hits), view, hits.depth_m)
    if gain is None:
        gain = scene.film.brightness / max(float(light.mean()), 1e-6)
    return Picture(rgb=_expose(light, scene.film, gain, noise), depth_m=hits.depth_m, gain=gain)
