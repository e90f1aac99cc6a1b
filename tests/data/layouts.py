# SPDX-License-Identifier: Apache-2.0
"""Small synthetic copies of the folder layouts that the readers know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Millimetres and what SUN RGB-D stores for them: rotated left by three bits.
SUN_ORACLE = ((1000, 8000), (2345, 18760), (8191, 65528), (8192, 1), (12345, 33225))


def picture(path: Path, height: int = 6, width: int = 8, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return raster(path, pixels)


def raster(path: Path, values: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def ramp16(height: int = 6, width: int = 8, first: int = 1000) -> NDArray[np.uint16]:
    """``first``, ``first + 1``, ... row by row, starting again after 2000 pixels; the first pixel is 0."""
    values = (first + np.arange(height * width) % 2000).astype(np.uint16).reshape(height, width)
    values[0, 0] = 0
    return values


def rotated_left(millimetres: NDArray[np.uint16]) -> NDArray[np.uint16]:
    wide = millimetres.astype(np.uint32)
    return (((wide << 3) | (wide >> 13)) & 0xFFFF).astype(np.uint16)


def nyu(root: Path, rows: list[tuple[str, str]], *, bits: int = 16, size: tuple[int, int] = (6, 8)) -> None:
    for index, (image, depth) in enumerate(rows):
        picture(root / image, *size, seed=index)
        values = ramp16(*size)
        raster(root / depth, values if bits == 16 else (values % 200 + 30).astype(np.uint8))


def sun_frame(
    root: Path, folder: str, *, filled: bool = True, intrinsics: str = "500 0 4.5 0 510 3.5 0 0 1\n"
) -> dict[str, str]:
    """One frame folder below ``root/SUNRGBD``; returns its entry of a JSON list."""
    base, name = root / "SUNRGBD" / folder, folder.rpartition("/")[2]
    picture(base / "image" / f"{name}.jpg")
    raster(base / "depth" / f"{name}.png", rotated_left(ramp16()))
    entry = {"image": f"SUNRGBD/{folder}/image/{name}.jpg", "depth": f"SUNRGBD/{folder}/depth/{name}.png"}
    if filled:
        raster(base / "depth_bfx" / f"{name}.png", rotated_left(ramp16(first=2000).clip(min=1)))
        entry["depth_bfx"] = f"SUNRGBD/{folder}/depth_bfx/{name}.png"
    (base / "intrinsics.txt").write_text(intrinsics)
    return entry


def ibims_raw(root: Path, names: tuple[str, ...] = ("corridor_01", "office_02")) -> None:
    """Row 0 has no depth, row 1 is masked invalid, row 2 transparent, the others are 10 m."""
    depth = np.full((6, 8), 13107, np.uint16)
    depth[0], depth[5, 7] = 0, 65535
    good, opaque = np.full((6, 8), 255, np.uint8), np.full((6, 8), 255, np.uint8)
    good[1], opaque[2] = 0, 0
    edges, wall = np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint8)
    edges[:, 4], wall[3:, :4], wall[3:, 4:7] = 255, 1, 2
    for name in names:
        picture(root / "rgb" / f"{name}.png")
        for folder, values in (
            ("depth", depth), ("mask_invalid", good), ("mask_transp", opaque), ("edges", edges), ("mask_wall", wall)
        ):  # fmt: skip
            raster(root / folder / f"{name}.png", values)
        (root / "calib").mkdir(exist_ok=True)
        (root / "calib" / f"{name}.txt").write_text("550.5,551.5,4.5,3.5")
    (root / "imagelist.txt").write_text("\r\n".join(names) + "\r\n")


def ibims_mat(root: Path, name: str = "corridor_01", **changes: Any) -> None:
    """The same scene as a .mat file; plane 1 of the wall faces the camera, plane 2 is horizontal."""
    from scipy.io import savemat

    depth = np.full((6, 8), 10.0, np.float32)
    depth[0], depth[5, 7], depth[5, 6] = 0.0, 50.0, np.nan
    good, opaque, wall = np.ones((6, 8), np.uint8), np.ones((6, 8), np.uint8), np.zeros((6, 8), np.uint8)
    good[1], opaque[2], wall[3:, :4], wall[3:, 4:7] = 0, 0, 1, 2
    edges = np.zeros((6, 8), np.uint8)
    edges[:, 4] = 1
    parameters = np.zeros((2, 8))
    parameters[0, 4:7], parameters[1, 4:7] = (0.0, 1.0, 0.0), (0.6, 0.0, 0.8)  # right, forward, up
    calib = np.array([[550.5, 0, 0], [0, 551.5, 0], [4.5, 3.5, 1]])
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    fields: dict[str, Any] = {
        "rgb": rgb, "depth": depth, "edges": edges, "calib": calib, "mask_invalid": good, "mask_transp": opaque,
        "mask_wall": wall, "mask_wall_paras": parameters,
        "mask_floor": np.zeros((6, 8), np.uint8), "mask_floor_paras": np.empty((0, 0)), **changes,
    }  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    savemat(root / f"{name}.mat", {"data": {key: value for key, value in fields.items() if value is not None}})
    (root / "imagelist.txt").write_text(name + "\n")


def da2k(root: Path, annotations: dict[str, Any] | None = None) -> dict[str, Any]:
    pair = {"point1": [1, 7], "point2": [5, 2], "closer_point": "point1"}
    other = {"point1": [0, 0], "point2": [3, 4], "closer_point": "point2"}
    content = annotations if annotations is not None else {
        "images/outdoor/b.jpg": [pair, other], "images/indoor/a.jpg": [other], "images/indoor/c.jpg": [pair],
    }  # fmt: skip
    for key in content:
        picture(root / key)
    (root / "annotations.json").write_text(json.dumps(content))
    return content


def vkitti2(root: Path, *folders: str, frames: int = 2, cameras: int = 2) -> None:
    """``folders`` such as ``Scene01/clone``.  Row 0 is sky, row 1 100 m, the others 12.34 m; pictures an eighth in size."""
    depth = np.full((47, 155), 1234, np.uint16)
    depth[0], depth[1] = 65535, 10000
    for folder in folders:
        lines = ["frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]"]
        for number in range(frames):
            for camera in range(cameras):
                base = root / folder / "frames"
                picture(base / "rgb" / f"Camera_{camera}" / f"rgb_{number:05d}.jpg", 47, 155, seed=number)
                raster(base / "depth" / f"Camera_{camera}" / f"depth_{number:05d}.png", depth)
                lines.append(f"{number} {camera} 725.0087 725.0087 620.5 187")
        (root / folder / "intrinsic.txt").write_text("\n".join(lines) + "\n")


HYPERSIM_ROW = {
    "M_cam_from_uv_00": 0.5773502691896257, "M_cam_from_uv_11": 0.4330127018922193, "M_cam_from_uv_22": -1.0,
}  # fmt: skip
"""Of a scene with neither shift nor tilt; what is not named is 0."""


def hypersim(root: Path, scenes: dict[str, int], *, radiance: bool = False, frames: int = 2) -> None:
    """Scenes by name, each with so many cameras.  Rays are 4 m long, the first NaN; previews, or with ``radiance`` none."""
    names = [f"M_cam_from_uv_{row}{column}" for row in range(3) for column in range(3)]
    lines = [",".join(("scene_name", *names))]
    split_lines = ["scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"]
    distance = np.full((24, 32), 4.0, np.float16)
    distance[0, 0] = np.nan
    for order, (scene, cameras) in enumerate(scenes.items()):
        lines.append(",".join((scene, *(str(HYPERSIM_ROW.get(name, 0.0)) for name in names))))
        for camera in range(cameras):
            for frame in range(frames):
                start = root / scene / "images" / f"scene_cam_{camera:02d}"
                hdf5(start.with_name(f"{start.name}_geometry_hdf5") / f"frame.{frame:04d}.depth_meters.hdf5", distance)
                if radiance:
                    linear = np.random.default_rng(frame).random((24, 32, 3)).astype(np.float16) * 7
                    hdf5(start.with_name(f"{start.name}_final_hdf5") / f"frame.{frame:04d}.color.hdf5", linear)
                    ids = np.ones((24, 32), np.int32)
                    hdf5(start.with_name(f"{start.name}_geometry_hdf5") / f"frame.{frame:04d}.render_entity_id.hdf5", ids)
                else:
                    picture(start.with_name(f"{start.name}_final_preview") / f"frame.{frame:04d}.tonemap.jpg", 24, 32)
                part = ("train", "val", "test")[order % 3]
                split_lines.append(f"{scene},cam_{camera:02d},{frame},True,,{part}")
    (root / "metadata_camera_parameters.csv").write_text("\n".join(lines) + "\n")
    (root / "metadata_images_split_scene_v1.csv").write_text("\n".join(split_lines) + "\n")


def hdf5(path: Path, values: NDArray[Any], name: str = "dataset") -> Path:
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=values, compression="gzip")
    return path


def ddos(root: Path, *flights: str, frames: int = 2, classes: bool = True) -> None:
    """``flights`` such as ``train/park/0``, below ``data``.  Depth begins with none, saturated, 32768; then 1000 and so on.

    The upper half of the classes is trees, the lower background, and the last pixel a wire.
    """
    depth = ramp16()
    depth[0, :3] = (0, 65535, 32768)
    ids = np.zeros((6, 8), np.uint8)
    ids[:3], ids[5, 7] = 180, 255
    for order, flight in enumerate(flights):
        base = root / "data" / flight
        for number in range(frames):
            picture(base / "image" / f"{number}.png", seed=100 * order + number)
            raster(base / "depth" / f"{number}.png", depth)
            if classes:
                raster(base / "segmentation" / f"{number}.png", ids)
        lines = ["frame,z_m", *(f"{number},{order}.{number}" for number in range(frames))]
        (base / "metadata.csv").write_text("\n".join(lines) + "\n")
        (base / "weather.csv").write_text("rain,fog\n0,0\n")
