# SPDX-License-Identifier: Apache-2.0
"""Render procedural scenes into the folder layout of DDOS, for trying its reader, recipe and protocol without a download.

usage: python scripts/procedural_as_ddos.py OUT [--flights N] [--frames K] [--size WIDTHxHEIGHT] [--seed S]

OUT/data/{train,validation,test}/{neighbourhood,park}/{flight}/{image,depth,segmentation}/{frame}.png, with metadata.csv and
weather.csv: N flights of K frames to train on, and a fifth of N, at least one, for each other split.  Every third flight is
over a park with trees and wires, the rest over a street; flights are numbered from 0 in every split and environment, as in
the release.  Depth is 16-bit, 100 m at 65535, which also says sky and farther; one pixel in two thousand is 0, no
depth.  Classes are told by shape and size: there are no meshes and no animals, and what is none of the others is "other".
The columns of the two tables are this script's own: those of the release are not published.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.errors import LeadlineError, UsageError, require
from leadline.data.ddos import FULL_SCALE_M, SATURATED
from leadline.data.ddos_classes import CLASS_IDS
from leadline.data.procedural.atmosphere import draw_film, draw_pose, draw_sky, draw_sunlight
from leadline.data.procedural.materials import draw_pavement
from leadline.data.procedural.rendering import Pose, Scene, render, view_of
from leadline.data.procedural.solids import Place, SceneBuilder, Shape, SolidTable
from leadline.data.procedural.street_objects import bollard, lamp_post, low_wall, person, railing, sign, tree, wire
from leadline.data.procedural.streets import add_ground, build_street
from leadline.data.procedural.tracing import View, nearest_hits

FRAME_S = 0.1  # the release records ten frames a second
LONGEST_M = 12.0  # of a flight: the shortest street ends after 18 m
LOST_PIXELS = 1 / 2000
PARK_EVERY = 3
TEST_SHARE = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """A straight flight through one scene: where it starts to look, how fast it goes, how it sways."""

    scene: Scene
    pose: Pose
    speed_m_s: float
    sway: float


def main(argv: list[str]) -> int:
    """Write the folder; 2 on a mistake, which is told in one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--flights", type=int, default=5, help="to train on; a fifth of them more for each other split")
    parser.add_argument("--frames", type=int, default=10, help="of every flight")
    parser.add_argument("--size", default="320x180", help="WIDTHxHEIGHT in pixels; the release has 1280x720")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other scenes")
    given = parser.parse_args(argv)
    try:
        written = write_flights(given.out, given.flights, given.frames, size_of(given.size), given.seed)
    except LeadlineError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    sys.stdout.write(f"{given.out}: {written} frames\n")
    return 0


def size_of(text: str) -> tuple[int, int]:
    """Height and width in pixels.

    Raises:
        UsageError: not WIDTHxHEIGHT.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise UsageError(expected="--size WIDTHxHEIGHT in pixels", got=repr(text), remedy="e.g. --size 320x180")
    return int(height), int(width)


def write_flights(out: Path, flights: int, frames: int, size: tuple[int, int], seed: int) -> int:
    """All splits below ``out``, ``size`` is (height, width) in pixels; the number of frames comes back.

    Raises:
        UsageError: nothing to write, or a folder that holds a dataset already.
    """
    require(flights > 0 and frames > 0, "at least one flight of one frame", (flights, frames), "e.g. --flights 5")
    if (out / "data").exists():
        raise UsageError(
            expected="a new folder", got=f"{out / 'data'}, which is there", remedy="choose another, or remove it"
        )
    others = max(1, flights // TEST_SHARE)
    written = 0
    for split, count in {"train": flights, "validation": others, "test": others}.items():
        for index in range(count):
            in_park = index % PARK_EVERY == PARK_EVERY - 1
            environment = "park" if in_park else "neighbourhood"
            number = index // PARK_EVERY if in_park else index - index // PARK_EVERY
            folder = out / "data" / split / environment / str(number)
            random = Random(f"{seed} {split} {environment} {number}")
            write_flight(folder, draw_flight(environment, frames, random), frames, size, random)
            written += frames
    return written


def draw_flight(environment: str, frames: int, random: Random) -> Flight:
    """A scene under the sky and a way through it, 2.5 to 15 m above the ground, looking ahead and down."""
    scene = build_street(random) if environment == "neighbourhood" else build_park(random)
    height_m = 2.5 * 6 ** random.random()
    pitch = -math.atan2(height_m - 1.5, random.uniform(15, 40))
    pose = replace(scene.pose, height_m=height_m, pitch=pitch, roll=0.0)
    speed_m_s = min(random.uniform(1, 10), LONGEST_M / (FRAME_S * frames))
    return Flight(scene=scene, pose=pose, speed_m_s=speed_m_s, sway=random.uniform(0.005, 0.03))


def build_park(random: Random) -> Scene:
    """Trees, thin things and wires on open ground."""
    builder = SceneBuilder()
    add_ground(builder, draw_pavement(random))
    for thing, count in ((tree, random.randint(12, 24)), (None, random.randint(4, 10))):
        for _ in range(count):
            z_m = random.uniform(6, 45)
            place = Place(random.choice((-1, 1)) * random.uniform(2, 4 + 0.7 * z_m), 0, z_m, random.uniform(0, math.tau))
            (thing or random.choice((railing, low_wall, person, sign, lamp_post, bollard)))(builder, place, random)
    for _ in range(random.randint(1, 3)):
        z_m = random.uniform(8, 30)
        wire(builder, Place(-z_m, 0, z_m), Place(z_m, 0, z_m + random.uniform(-4, 4)), random.uniform(3, 9))
    solids, materials = builder.tables()
    return Scene(
        kind="park",
        solids=solids,
        materials=materials,
        light=draw_sunlight(random),
        air=draw_sky(random),
        film=draw_film(random),
        pose=draw_pose(random, yaw_degrees=14, pitch_degrees=(0, 0)),
    )


def write_flight(folder: Path, flight: Flight, frames: int, size: tuple[int, int], random: Random) -> None:
    """Pictures, depth, classes and tables of one flight."""
    noise = np.random.default_rng(random.getrandbits(64))
    rows, gain = [], None
    for frame in range(frames):
        view, row = view_at(flight, frame, size)
        picture = render(flight.scene, view, noise, gain)
        gain = picture.gain  # one exposure for the whole flight
        rgb = np.round(picture.rgb.transpose(1, 2, 0) * 255).astype(np.uint8)
        depth = stored_depth(picture.depth_m)
        depth[noise.random(depth.shape) < LOST_PIXELS] = 0
        layers = (("image", rgb), ("depth", depth), ("segmentation", classes(flight.scene, view)))
        for kind, pixels in layers:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / kind / f"{frame}.png")
        rows.append({"frame": frame, **row})
    write_table(folder / "metadata.csv", rows)
    air = flight.scene.air
    write_table(folder / "weather.csv", [{"clouds": air.clouds, "haze_per_m": air.haze_per_m}])


def view_at(flight: Flight, frame: int, size: tuple[int, int]) -> tuple[View, dict[str, float]]:
    """Where the camera is at a frame, ``size`` (height, width) in pixels, and its row of the table."""
    time_s = FRAME_S * frame
    pose = replace(
        flight.pose,
        roll=flight.sway * math.sin(2.1 * time_s),
        pitch=flight.pose.pitch + 0.5 * flight.sway * math.sin(3.3 * time_s),
    )
    z_m, speed = flight.speed_m_s * time_s, flight.speed_m_s
    view = view_of(pose, *size)
    view = replace(view, position_m=np.array([0.0, pose.height_m, z_m]))
    row = {"time_s": time_s, "x_m": 0.0, "y_m": pose.height_m, "z_m": z_m}
    row |= {"roll_rad": pose.roll, "pitch_rad": pose.pitch, "yaw_rad": pose.yaw}
    row |= {"vx_m_s": 0.0, "vy_m_s": 0.0, "vz_m_s": speed, "ax_m_s2": 0.0, "ay_m_s2": 0.0, "az_m_s2": 0.0}
    return view, {name: round(value, 6) for name, value in row.items()}


def stored_depth(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """(H, W) metres, infinite for the sky -> (H, W) numbers of the format, 65535 from 100 m on."""
    steps = np.rint(np.minimum(depth_m.astype(np.float64), FULL_SCALE_M) * (SATURATED / FULL_SCALE_M))
    return np.clip(steps, 1, SATURATED).astype(np.uint16)


def classes(scene: Scene, view: View) -> NDArray[np.uint8]:
    """(H, W) class numbers of what a view shows."""
    hits = nearest_hits(scene.solids, view)
    number_of = np.array([CLASS_IDS[name] for name in classes_of(scene.solids)], np.uint8)
    return np.where(np.isfinite(hits.depth_m), number_of[hits.solid], CLASS_IDS["background"]).astype(np.uint8)


def classes_of(solids: SolidTable) -> list[str]:
    """A class for every solid, by its shape and its full size."""
    sizes = 2 * solids.half_m
    return [
        class_of(Shape(int(shape)), (float(x), float(y), float(z))) if casts else "background"
        for shape, (x, y, z), casts in zip(solids.shape, sizes, solids.casts, strict=True)
    ]


def class_of(shape: Shape, size_m: tuple[float, float, float]) -> str:
    """The class of a solid of full size (across, up, along) in metres.

    >>> class_of(Shape.BEAM, (9.0, 0.03, 0.03)), class_of(Shape.BOX, (12.0, 6.3, 8.0))
    ('ultra_thin', 'buildings')
    """
    across, up, along = size_m
    _, second, longest = sorted(size_m)
    if up < 0.2 and min(across, along) > 20:
        return "background"  # paving
    if second <= 0.05:
        return "ultra_thin"
    if second <= 0.2:
        return "thin_structures"
    if (shape is Shape.BALL and longest >= 1.4) or (shape is Shape.COLUMN and up > 2.4):
        return "trees"
    is_body = shape is Shape.BOX and 1.4 <= across <= 1.9 and 1.5 <= along <= 5.0 and up <= 1.1
    if is_body or (shape is Shape.BEAM and up == along and 0.6 < up < 0.7):
        return "vehicles"
    if longest >= 5.0 and (up >= 1.9 or min(across, along) >= 5.0):
        return "buildings"
    return "other"


def write_table(path: Path, rows: list[dict[str, float]]) -> None:
    """A CSV file with one line per row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
