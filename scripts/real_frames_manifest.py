# SPDX-License-Identifier: Apache-2.0
"""Write one ``manifest.jsonl`` per folder of the real frames beside the project, for ``--dataset labelled_folder``.

usage: python scripts/real_frames_manifest.py DATA OUT    (DATA: the folder of frames, whose MANIFEST.md describes them)

The frames have research licences: the manifests point at them, nothing is copied but the laser points of KITTI, which are
projected into 16-bit depth pictures below OUT.  ``repair`` names the frames that docs/results.md trains on: all of two
recordings, the last of each for choosing the epoch; every other folder is a place that was never seen.  ``unlabelled`` holds
links to the pictures of those two recordings, for a student; ``held-out`` names indoor frames of four other places.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """How one folder pairs pictures and depth: globs that sort alike, metres per stored unit, what means "no depth"."""

    images: str
    depths: str
    scale: float
    invalid: tuple[int, ...] = (0,)
    intrinsics: tuple[float, float, float, float] | None = None


FOLDERS = {
    "seven_scenes": Folder(
        images="seven_scenes/*.color.jpg",
        depths="seven_scenes/*.depth.png",
        scale=0.001,
        invalid=(0, 65535),
        intrinsics=(585.0, 585.0, 320.5, 240.5),
    ),
    "hololens": Folder(
        images="hololens/000/images/*.png",
        depths="hololens/000/depth/*.png",
        scale=0.001,
        intrinsics=(495.567757, 495.481963, 270.002897, 169.694112),
    ),
    "redwood": Folder(
        images="redwood_tum_sun/color/*.jpg",
        depths="redwood_tum_sun/depth/*.png",
        scale=0.001,
        intrinsics=(525.0, 525.0, 320.0, 240.0),
    ),
    "tum": Folder(images="tum/[12].png", depths="tum/[12]_depth.png", scale=0.0002, intrinsics=(520.9, 521.0, 325.6, 250.2)),
    "icl_nuim": Folder(images="icl_nuim/color/*.png", depths="icl_nuim/depth/*.png", scale=0.0002, invalid=()),
    "nyu_like": Folder(images="nyu_like/color/*.png", depths="nyu_like/depth/*.pgm", scale=0.001),
    "arkit": Folder(images="arkit/image.jpg", depths="arkit/arkit_depth.png", scale=0.001),
}
REPAIR = ("seven_scenes", "hololens")
HELD_OUT = ("redwood", "tum", "icl_nuim", "nyu_like")
CHOOSING = 10  # last frames of each recording, by which the best epoch is chosen
KITTI_STEPS_PER_M = 256


def main(data: Path, out: Path) -> int:
    """Write OUT/NAME/manifest.jsonl for each folder."""
    lines = {name: lines_of(data, folder) for name, folder in FOLDERS.items()}
    lines["kitti"] = project_kitti(data / "kitti_lidar" / "training", out / "kitti")
    lines["repair"] = [
        {**line, "split": "train" if index < len(lines[name]) - CHOOSING else "val"}
        for name in REPAIR
        for index, line in enumerate(lines[name])
    ]
    lines["held-out"] = [line for name in HELD_OUT for line in lines[name]]
    link_pictures([Path(str(line["image"])) for line in lines["repair"]], out / "unlabelled")
    for name, written in lines.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in written)
        (out / name / "manifest.jsonl").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {len(written)} pairs\n")
    return 0


def link_pictures(pictures: list[Path], folder: Path) -> None:
    """A link to each picture, named after its folder too, in a folder of its own: pictures without truth."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        link = folder / f"{picture.parent.name}-{picture.name}"
        link.unlink(missing_ok=True)
        link.symlink_to(picture)


def lines_of(data: Path, folder: Folder) -> list[dict[str, object]]:
    """One line per pair of a folder."""
    pairs = zip(sorted(data.glob(folder.images)), sorted(data.glob(folder.depths)), strict=True)
    camera = {"intrinsics_px": list(folder.intrinsics)} if folder.intrinsics else {}
    return [
        {
            "image": str(image.resolve()),
            "depth": str(depth.resolve()),
            "scale": folder.scale,
            "invalid_values": list(folder.invalid),
            **camera,
        }
        for image, depth in pairs
    ]


def project_kitti(training: Path, out: Path) -> list[dict[str, object]]:
    """Laser points seen from the left colour camera, the nearest of each pixel, as KITTI stores depth."""
    (out / "depth").mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, object]] = []
    for scan in sorted((training / "velodyne").glob("*.bin")):
        image = training / "image_2" / f"{scan.stem}.png"
        with Image.open(image) as picture:
            width, height = picture.size
        depth_m = nearest_depth(scan, training / "calib" / f"{scan.stem}.txt", height, width)
        path = out / "depth" / f"{scan.stem}.png"
        Image.fromarray((depth_m * KITTI_STEPS_PER_M).round().astype(np.uint16)).save(path)
        lines.append(
            {
                "image": str(image.resolve()),
                "depth": str(path.resolve()),
                "scale": 1 / KITTI_STEPS_PER_M,
                "invalid_values": [0],
            }
        )
    return lines


def nearest_depth(scan: Path, calibration: Path, height: int, width: int) -> np.ndarray:
    """(H, W) metres, 0 where no point falls."""
    rows = (line.split(":") for line in calibration.read_text().splitlines() if ":" in line)
    matrices = {name: np.array(values.split(), float) for name, values in rows}
    rotation, move = np.eye(4), np.eye(4)
    rotation[:3, :3], move[:3] = matrices["R0_rect"].reshape(3, 3), matrices["Tr_velo_to_cam"].reshape(3, 4)
    points = np.fromfile(scan, np.float32).reshape(-1, 4).astype(float)
    points[:, 3] = 1
    seen = matrices["P2"].reshape(3, 4) @ rotation @ move @ points.T
    in_front = seen[2] > 0
    x, y, z = seen[:, in_front]
    column, row = np.rint(x / z).astype(int), np.rint(y / z).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    depth_m = np.full((height, width), np.inf)
    np.minimum.at(depth_m, (row[inside], column[inside]), z[inside])
    return np.where(np.isfinite(depth_m), depth_m, 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
