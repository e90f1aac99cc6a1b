# SPDX-License-Identifier: Apache-2.0
"""iBims-1, raw or mat packaging: an image name goes in; picture, metres, mask, camera, edges and planes come out.

Koch et al. 2018.  100 pictures of 480x640 for evaluation.  Valid: both official masks nonzero, depth not 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import torch

from leadline.contracts.errors import DataError
from leadline.contracts.sample import Field, Sample
from leadline.data.decoding import decode_linear
from leadline.data.frame import image_tensor, pinhole, require_files, require_some
from leadline.data.ibims_mat import read_mat_scene
from leadline.data.ibims_scene import PLANE_KINDS, IbimsAnnotations, IbimsScene, planes_of, usable_calibration
from leadline.data.nyu_list import read_text
from leadline.data.request import DatasetRequest, required_root, required_split, settings_from
from leadline.rasters.depth_files import read_raster
from leadline.rasters.images import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from leadline.contracts.camera import Camera

NAME = "ibims"
METRES_PER_UNIT = 50.0 / 65535.0

_RAW_FOLDERS = ("rgb", "depth", "mask_invalid", "mask_transp")


class SceneReader(Protocol):
    """Reads one scene of a packaging by its name."""

    def __call__(self, root: Path, name: str, /) -> IbimsScene:
        """The scene ``name`` below ``root``; see ``IbimsScene`` for shapes and units.

        Raises:
            DataError: a file is damaged or does not fit the others.
            MissingExtraError: the mat packaging without scipy.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class IbimsSettings:
    """Options of dataset ``ibims``."""

    layout: Literal["auto", "raw", "mat"] = "auto"
    """``raw``: ibims1_core_raw; ``mat``: ibims1_core_mat (needs the extra ``mat``); ``auto``: what is there, raw first."""


@dataclass(frozen=True, slots=True)
class Ibims:
    """The images of imagelist.txt, in its order."""

    root: Path
    names: tuple[str, ...]
    read_scene: SceneReader
    name: str = NAME
    provides: frozenset[Field] = frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA})

    def __len__(self) -> int:
        return len(self.names)

    def key(self, index: int, /) -> str:
        """The image's name in imagelist.txt, without suffix."""
        return self.names[index]

    def __getitem__(self, index: int, /) -> Sample:
        """Image (3, H, W) in [0, 1], depth (H, W) metres, valid (H, W), matrix (3, 3) pixels; errors of ``SceneReader``."""
        scene = self.read_scene(self.root, self.names[index])
        return Sample(
            key=self.names[index],
            dataset=self.name,
            image=image_tensor(scene.rgb),
            depth=torch.from_numpy(scene.depth_m),
            valid=torch.from_numpy(scene.valid),
            camera=_camera(scene),
        )

    def annotations(self, index: int, /) -> IbimsAnnotations:
        """Depth edges (H, W) and planes of image ``index``, at the size of its sample; normals have no unit.

        Raises:
            DataError: the packaging lies there without its edges; and as ``SceneReader``.
        """
        scene = self.read_scene(self.root, self.names[index])
        if scene.edges is None:
            raise DataError(
                expected=f"the annotated edges of image '{self.names[index]}'",
                got=f"no edges/{self.names[index]}.png below {self.root}",
                remedy="unpack the whole archive, with edges/ and the plane masks",
            )
        return IbimsAnnotations(torch.from_numpy(scene.edges), tuple(planes_of(scene, _camera(scene))))


def open_ibims(request: DatasetRequest) -> Ibims:
    """Open iBims-1.

    Splits: ``all`` (default) and ``test`` are the same 100 images; there is nothing to train on.  ``root`` is the folder of
    a packaging, or the one above it.  ``listing`` replaces imagelist.txt.

    Raises:
        UsageError: another split, unknown option, no root.
        DataError: neither packaging found, an empty list, missing files.
        MissingExtraError: the mat packaging without scipy (when the first image is read).
    """
    settings = settings_from(IbimsSettings, NAME, request.options)
    required_split(NAME, request, ("all", "test"))
    root, layout = _packaging(required_root(NAME, request), settings.layout)
    listing = request.listing or root / "imagelist.txt"
    names = tuple(
        line.strip().removesuffix(".mat").removesuffix(".png") for line in read_text(listing).splitlines() if line.strip()
    )
    require_some(len(names), dataset=NAME, where=listing)
    if layout == "mat":
        paths, per_name = [root / f"{name}.mat" for name in names], 1
    else:
        per_scene = [
            [*(root / folder / f"{name}.png" for folder in _RAW_FOLDERS), root / "calib" / f"{name}.txt"] for name in names
        ]
        paths, per_name = [path for group in per_scene for path in group], len(_RAW_FOLDERS) + 1
    places = [f"image '{name}'" for name in names for _ in range(per_name)]
    require_files(paths, places, listing=str(listing), root=root)
    return Ibims(root, names, read_mat_scene if layout == "mat" else read_raw_scene)


def read_raw_scene(root: Path, name: str) -> IbimsScene:
    """Read one scene of ibims1_core_raw: depth PNG value * 50 / 65535 metres, masks nonzero = good, calib ``fx,fy,cx,cy``.

    Shapes and units as in ``IbimsScene``.  Edges are None and labels lack a kind where the file is not there.

    Raises:
        DataError: a damaged file, depth that is not 16-bit, a mask of another size, not four calibration numbers.
    """
    rgb, path = read_image(root / "rgb" / f"{name}.png"), root / "depth" / f"{name}.png"
    raw = read_raster(path)
    if raw.dtype != np.uint16 or raw.shape != rgb.shape[:2]:
        raise DataError(
            expected=f"16-bit depth of the picture's size {rgb.shape[0]}x{rgb.shape[1]}",
            got=f"{path} with {raw.dtype} and {raw.shape[0]}x{raw.shape[1]}",
            remedy="unpack ibims1_core_raw again",
        )
    depth_m, has_depth = decode_linear(raw, scale=METRES_PER_UNIT)
    good = [_raster_of_size(root / folder / f"{name}.png", raw.shape) > 0 for folder in ("mask_invalid", "mask_transp")]
    optional = {folder: root / folder / f"{name}.png" for folder in ("edges", *(f"mask_{kind}" for kind in PLANE_KINDS))}
    found = {folder: _raster_of_size(path, raw.shape) for folder, path in optional.items() if path.is_file()}
    labels = {kind: found[f"mask_{kind}"].astype(np.int32) for kind in PLANE_KINDS if f"mask_{kind}" in found}
    edges = found["edges"] > 0 if "edges" in found else None
    valid = has_depth & good[0] & good[1]
    return IbimsScene(rgb, depth_m, valid, _calibration(root / "calib" / f"{name}.txt"), edges, labels, {})


def _camera(scene: IbimsScene) -> Camera:
    # The official scripts project with pixel numbers that start at 1; our first centre is at 0.5.
    fx, fy, cx, cy = scene.calibration
    return pinhole(focal_px=(fx, fy), centre_px=(cx - 0.5, cy - 0.5))


def _packaging(root: Path, layout: str) -> tuple[Path, str]:
    candidates = [(root, "raw"), (root / "ibims1_core_raw", "raw"), (root, "mat"), (root / "ibims1_core_mat", "mat")]
    for folder, kind in candidates:
        present = (folder / "rgb").is_dir() if kind == "raw" else folder.is_dir() and any(folder.glob("*.mat"))
        if layout in {"auto", kind} and present:
            return folder, kind
    raise DataError(
        expected=f"ibims1_core_raw (with rgb/) or ibims1_core_mat (with .mat files), layout '{layout}'",
        got=f"neither in {root}",
        remedy="pass the folder that one of the two archives was unpacked into",
    )


def _raster_of_size(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    raster = read_raster(path)
    if raster.shape != shape:
        raise DataError(
            expected=f"a mask of {shape[0]}x{shape[1]}",
            got=f"{path} with {raster.shape[0]}x{raster.shape[1]}",
            remedy="unpack ibims1_core_raw again",
        )
    return raster


def _calibration(path: Path) -> tuple[float, float, float, float]:
    words = read_text(path).replace(",", " ").split()
    try:
        fx, fy, cx, cy = (float(word) for word in words)
        if not usable_calibration((fx, fy, cx, cy)):
            raise ValueError(words)
    except ValueError as error:
        raise DataError(
            expected="four numbers fx,fy,cx,cy, all finite, the first two not 0",
            got=f"{path}: {' '.join(words)[:80]!r}",
            remedy="unpack ibims1_core_raw again",
        ) from error
    return fx, fy, cx, cy
