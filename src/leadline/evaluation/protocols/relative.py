# SPDX-License-Identifier: Apache-2.0
"""Zero-shot relative depth on NYU, KITTI, Sintel, ETH3D and DIODE: predictions up to scale and shift enter, AbsRel and
delta leave.

Scale and shift are fitted in disparity on the scored pixels of each image, at the size of the truth, no test-time
augmentation.  Which of the three conventions follows, see ``leadline.evaluation.protocol.Convention``.  Depth Anything
published numbers but no evaluation: with NYU and KITTI as written here an independent reproduction comes within 0.003 of
the paper, with the other three nobody does, so their numbers compare runs of Leadline and are no row of the paper's table.
"""

from leadline.contracts.sample import Field
from leadline.evaluation.crops import EIGEN, GARG
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.scoring import score_depth
from leadline.geometry.alignment import Alignment

_MIDAS = "fit and cap in disparity as MiDaS (Ranftl et al. 2020)"

NYU_RELATIVE = Protocol(
    name="nyu-relative",
    dataset="nyu",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    crop=EIGEN,
    range_m=(1e-3, 10.0),
    alignment=Alignment.SCALE_SHIFT_DISPARITY,
    dense=True,
    source=f"Depth Anything V2 (arXiv 2406.09414, table 2), 654 Eigen test images, raw depth; {_MIDAS}, cap 10 m",
)

KITTI_RELATIVE = Protocol(
    name="kitti-relative",
    dataset="kitti",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    crop=GARG,
    range_m=(1e-3, 80.0),
    alignment=Alignment.SCALE_SHIFT_DISPARITY,
    source=f"Depth Anything V2 (arXiv 2406.09414, table 2), 652 Eigen test images, annotated depth; {_MIDAS}, cap 80 m",
)

SINTEL_RELATIVE = Protocol(
    name="sintel-relative",
    dataset="sintel",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    range_m=(1e-3, 72.0),
    alignment=Alignment.SCALE_SHIFT_DISPARITY,
    dense=True,
    source=f"Depth Anything's column without its recipe; {_MIDAS}, which scores Sintel below 72 m",
)

ETH3D_RELATIVE = Protocol(
    name="eth3d-relative",
    dataset="eth3d",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    range_m=(1e-3, 200.0),
    alignment=Alignment.SCALE_SHIFT_DISPARITY,
    source=f"Depth Anything's column without its recipe; {_MIDAS}, cap 200 m as in the configuration of Depth Anything AC",
)

DIODE_RELATIVE = Protocol(
    name="diode-relative",
    dataset="diode",
    needs=frozenset({Field.DEPTH}),
    score=score_depth,
    range_m=(1e-3, 150.0),
    alignment=Alignment.SCALE_SHIFT_DISPARITY,
    dense=True,
    source=f"Depth Anything's column without its recipe; {_MIDAS}; caps of 80 to 150 m are in use, here 150 m",
)
