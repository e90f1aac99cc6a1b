# SPDX-License-Identifier: Apache-2.0
"""Every dataset by name: name and request go in, an open dataset comes out.  A new one is a file, an import and an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadline.contracts.errors import UsageError
from leadline.contracts.sample import Field
from leadline.contracts.suggestions import did_you_mean
from leadline.data.da2k import open_da2k
from leadline.data.ddos import open_ddos
from leadline.data.diode import open_diode
from leadline.data.eth3d import open_eth3d
from leadline.data.frame_folder import open_frame_folder
from leadline.data.hypersim import open_hypersim
from leadline.data.ibims import open_ibims
from leadline.data.image_folder import open_image_folder
from leadline.data.kitti import open_kitti
from leadline.data.kitti_2015 import open_kitti_2015
from leadline.data.kitti_stereo import open_kitti_stereo
from leadline.data.labelled_folder import open_labelled_folder
from leadline.data.nyu import open_nyu
from leadline.data.procedural_request import open_procedural
from leadline.data.pseudo_labels import open_pseudo_labels
from leadline.data.request import DatasetRequest
from leadline.data.shards import open_shards
from leadline.data.sintel import open_sintel
from leadline.data.stereo_folder import open_stereo_folder
from leadline.data.sunrgbd import open_sunrgbd
from leadline.data.vkitti2 import open_vkitti2

if TYPE_CHECKING:
    from collections.abc import Callable

    from leadline.data.dataset import DepthDataset


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetEntry:
    """One line of the catalog.

    Attributes:
        summary: what it is, one line.
        provides: fields it can provide; the opened dataset says which of them it does.
        open: from a request to the dataset; its docstring tells splits and errors.
        licence: whose terms hold for the data.
        default_protocol: the evaluation protocol meant for it, None where there is nothing to score.
        evaluation_only: a benchmark; training on it must be forced.
        needs_root: whether ``root`` must be given.
        report_split: the split that a finished run is scored on; only one that no run chooses by deserves another name.
    """

    summary: str
    provides: frozenset[Field]
    open: Callable[[DatasetRequest], DepthDataset]
    licence: str
    default_protocol: str | None
    evaluation_only: bool = False
    needs_root: bool = True
    report_split: str = "val"


DATASETS: dict[str, DatasetEntry] = {
    "nyu": DatasetEntry(
        summary="NYU Depth V2, indoor Kinect, CSV or BTS/ZoeDepth lists, 8-bit and 16-bit depth",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_nyu,
        licence="research only (Silberman et al. 2012)",
        default_protocol="nyu-eigen",
    ),
    "sunrgbd": DatasetEntry(
        summary="SUN RGB-D, indoor, four sensors, JSON list or folder tree",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_sunrgbd,
        licence="research only (Song et al. 2015)",
        default_protocol="sunrgbd-zoe",
    ),
    "ibims": DatasetEntry(
        summary="iBims-1, 100 laser-scanned indoor images with edges and planes, a benchmark",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_ibims,
        licence="as stated with its release (Koch et al. 2018)",
        default_protocol="ibims",
        evaluation_only=True,
    ),
    "da2k": DatasetEntry(
        summary="DA-2K, 1033 varied images with 2068 ordinal pairs, no depth, a benchmark",
        provides=frozenset({Field.IMAGE, Field.ORDINAL}),
        open=open_da2k,
        licence="as stated with its release (Yang et al. 2024)",
        default_protocol="da2k",
        evaluation_only=True,
    ),
    "kitti": DatasetEntry(
        summary="KITTI raw drives with annotated or raw LiDAR depth PNGs, Eigen's test list, a benchmark",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_kitti,
        licence="CC BY-NC-SA 3.0 (Geiger et al. 2013)",
        default_protocol="kitti-relative",
        evaluation_only=True,
    ),
    "kitti_stereo": DatasetEntry(
        summary="KITTI raw drives as rectified pairs with each day's rig, LiDAR depth and neighbours where asked for",
        provides=frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO, Field.DEPTH, Field.NEIGHBOURS}),
        open=open_kitti_stereo,
        licence="CC BY-NC-SA 3.0 (Geiger et al. 2013)",
        default_protocol="kitti-eigen-md2",
    ),
    "kitti_2015": DatasetEntry(
        summary="KITTI 2015, 200 street pairs with true disparity, occlusions and moving cars, a benchmark",
        provides=frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO, Field.DEPTH}),
        open=open_kitti_2015,
        licence="CC BY-NC-SA 3.0 (Menze & Geiger 2015)",
        default_protocol="kitti-2015",
        evaluation_only=True,
    ),
    "sintel": DatasetEntry(
        summary="MPI Sintel, 23 animated scenes with exact depth, clean or final pass, a benchmark",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_sintel,
        licence="as stated with its release (Butler et al. 2012)",
        default_protocol="sintel-relative",
        evaluation_only=True,
    ),
    "eth3d": DatasetEntry(
        summary="ETH3D high-resolution scenes, 24-megapixel pictures with laser depth, a benchmark",
        provides=frozenset({Field.IMAGE, Field.DEPTH}),
        open=open_eth3d,
        licence="CC BY-NC-SA 4.0 (Schops et al. 2017)",
        default_protocol="eth3d-relative",
        evaluation_only=True,
    ),
    "diode": DatasetEntry(
        summary="DIODE, indoor and outdoor laser scans of 768x1024, a benchmark",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_diode,
        licence="MIT (Vasiljevic et al. 2019)",
        default_protocol="diode-relative",
        evaluation_only=True,
    ),
    "hypersim": DatasetEntry(
        summary="Hypersim, 77 400 rendered indoor frames, ray length turned into z-depth by each scene's camera",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_hypersim,
        licence="CC BY-SA 3.0 (Roberts et al. 2021)",
        default_protocol="depth",
    ),
    "vkitti2": DatasetEntry(
        summary="Virtual KITTI 2, 42 520 rendered street frames in ten weathers, metres or disparity with sky",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_vkitti2,
        licence="CC BY-NC-SA 3.0 (Cabon et al. 2020)",
        default_protocol="depth",
    ),
    "ddos": DatasetEntry(
        summary="DDOS, 340 simulated drone flights of 100 frames in two environments, thin structures",
        provides=frozenset({Field.IMAGE, Field.DEPTH}),
        open=open_ddos,
        licence="CC BY-NC 4.0 (Kolbeinsson & Mikolajczyk 2024)",
        default_protocol="ddos",
    ),
    "shards": DatasetEntry(
        summary="tars of pictures as SA-1B is delivered, read in place, without labels",
        provides=frozenset({Field.IMAGE}),
        open=open_shards,
        licence="your own",
        default_protocol=None,
    ),
    "image_folder": DatasetEntry(
        summary="any folder of pictures, without labels",
        provides=frozenset({Field.IMAGE}),
        open=open_image_folder,
        licence="your own",
        default_protocol=None,
    ),
    "frame_folder": DatasetEntry(
        summary="folders of numbered frames of a moving camera, each with its neighbours, without labels",
        provides=frozenset({Field.IMAGE, Field.CAMERA, Field.NEIGHBOURS}),
        open=open_frame_folder,
        licence="your own",
        default_protocol=None,
    ),
    "stereo_folder": DatasetEntry(
        summary="rectified pairs, left/ and right/ or image_2/ and image_3/, with a small calibration file",
        provides=frozenset({Field.IMAGE, Field.CAMERA, Field.STEREO, Field.DEPTH}),
        open=open_stereo_folder,
        licence="your own",
        default_protocol="stereo",
    ),
    "labelled_folder": DatasetEntry(
        summary="pictures with depth rasters: manifest.jsonl, or matching file names",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA}),
        open=open_labelled_folder,
        licence="your own",
        default_protocol="depth",
    ),
    "pseudo_labels": DatasetEntry(
        summary="pictures or tars of pictures with the labels that `leadline label` made of them",
        provides=frozenset({Field.IMAGE, Field.DEPTH}),
        open=open_pseudo_labels,
        licence="that of the pictures, and of the model that labelled them",
        default_protocol=None,
    ),
    "procedural": DatasetEntry(
        summary="rooms, yards and streets rendered on the fly, exact depth, camera, second view, ordinal pairs",
        provides=frozenset({Field.IMAGE, Field.DEPTH, Field.CAMERA, Field.STEREO, Field.ORDINAL, Field.NEIGHBOURS}),
        open=open_procedural,
        licence="Apache-2.0, part of Leadline",
        default_protocol="procedural",
        needs_root=False,
        report_split="test",
    ),
}


def dataset_entry(name: str, *, flag: str | None = None) -> DatasetEntry:
    """The line of the catalog.  UsageError for an unknown name (the nearest is named, and the flag it was given for)."""
    if name not in DATASETS:
        remedy = did_you_mean(name, DATASETS, otherwise="choose one of these")
        asked = f" for {flag}" if flag else ""
        raise UsageError(expected=f"one of the datasets {', '.join(DATASETS)}{asked}", got=f"'{name}'", remedy=remedy)
    return DATASETS[name]


def open_dataset(name: str, request: DatasetRequest) -> DepthDataset:
    """Open a dataset of the catalog.

    Raises:
        UsageError: no such name (the nearest is named); an unknown split or option; no root.
        DataError: the files are not what the dataset should be.
    """
    return dataset_entry(name).open(request)
