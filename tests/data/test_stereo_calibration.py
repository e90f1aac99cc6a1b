# SPDX-License-Identifier: Apache-2.0
"""Calibration files in every form that is read, and the one sentence that each broken one gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadline.contracts.errors import DataError
from leadline.data.frame_calibration import Lens, camera_file_above
from leadline.data.stereo_calibration import CALIBRATION_NAMES, read_rig, rig_of_projections
from leadline.data.stereo_pair import PairRig

P2 = "721.5377 0 609.5593 44.85728 0 721.5377 172.854 0.2163791 0 0 1 0.002745884"
P3 = "721.5377 0 609.5593 -339.5242 0 721.5377 172.854 2.199936 0 0 1 0.002729905"
KITTI = f"P0: {P3}\nP1: {P2}\nP2: {P2}\nP3: {P3}\nTr: 1 2 3\n"
MIDDLEBURY = "cam0=[50 0 20; 0 51 10; 0 0 1]\ncam1=[50 0 20; 0 51 10; 0 0 1]\ndoffs=0\nbaseline=120.5\nwidth=40\nndisp=9\n"
PLAIN = PairRig(lens=Lens(focal_px=(50.0, 50.0), centre_px=(20.5, 10.5)), baseline_m=0.12)


def rig(tmp_path: Path, text: str, name: str = "calib.txt", first_centre_px: float = 0.0) -> PairRig:
    path = tmp_path / name
    path.write_text(text)
    return read_rig(path, first_centre_px=first_centre_px)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("calibration.json", '{"fx": 50, "cx": 20, "cy": 10, "baseline_m": 0.12, "note": "any"}'),
        ("calib.json", '{"f": 50.0, "fy": 50, "cx": 20, "cy": 10, "baseline": 0.12, "baseline_printed": 3}'),
        ("calib.txt", "fx: 50\ncx: 20\ncy: 10\nbaseline_m: 0.12\n"),
        ("calib.txt", "# ours\nfx=50\ncx = 20\ncy 10\nbaseline 0.12\n"),
        ("K.txt", "50 0 20 0 50 10 0 0 1 \n0.12\n"),
    ],
)
def test_read_rig__the_same_rig_in_every_form(tmp_path: Path, name: str, text: str) -> None:
    assert rig(tmp_path, text, name) == PLAIN


def test_read_rig__middlebury_states_millimetres_and_the_width(tmp_path: Path) -> None:
    wanted = PairRig(lens=Lens(focal_px=(50.0, 51.0), centre_px=(20.5, 10.5), width_px=40), baseline_m=0.1205)
    assert rig(tmp_path, MIDDLEBURY) == wanted


def test_read_rig__kitti_takes_the_colour_cameras(tmp_path: Path) -> None:
    found = rig(tmp_path, KITTI)
    assert found.lens.focal_px == (721.5377, 721.5377)
    assert found.lens.centre_px == (609.5593 + 0.5, 172.854 + 0.5)
    assert found.baseline_m == pytest.approx(0.5327257, abs=1e-6)
    grey = KITTI.replace("P2", "Q2").replace("P0: " + P3, "P0: " + P2).replace("P1: " + P2, "P1: " + P3)
    assert rig(tmp_path, grey).baseline_m == found.baseline_m


def test_read_rig__counts_from_where_it_is_told(tmp_path: Path) -> None:
    text = "fx: 50\ncx: 20\ncy: 10\nbaseline_m: 0.12\nwidth: 40\n"
    assert rig(tmp_path, text, first_centre_px=0.5) == PairRig(
        lens=Lens(focal_px=(50.0, 50.0), centre_px=(20.0, 10.0), width_px=40), baseline_m=0.12
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fx: 50\ncx: 20\n", "without cy, baseline_m"),
        ("", "without fx, cx, cy, baseline_m"),
        ("fx: fifty\ncx: 20\ncy: 10\nbaseline_m: 0.1\n", "a number for 'fx'; got 'fifty'"),
        ("fx: 50\ncx: 20\ncy: 10\nbaseline_m: -0.1\n", "baseline -0.1; correct the calibration; where left and right are"),
        ("fx: 0\ncx: 20\ncy: 10\nbaseline_m: 0.1\n", "above 0"),
        ("fx: nan\ncx: 20\ncy: 10\nbaseline_m: 0.1\n", "above 0"),
        ("fx: 50\ncx: 20\ncy: 10\nbaseline: 120\n", "a baseline in metres; got 120"),
        (MIDDLEBURY.replace("doffs=0", "doffs=12.5"), "doffs=12.5"),
        (MIDDLEBURY.replace("baseline", "length"), "a number for 'baseline'; got 'nothing'"),
        (MIDDLEBURY.replace("0 0 1]", "1]"), "with 7 numbers"),
        (f"P2: {P2}\nP3: {P3} 1\n", "with 12 and 13"),
        (f"P2: {P2}\nP3: {P3.replace('609.5593', '601')}\n", "cx 609.559 and 601"),
        (f"P2: {P3}\nP3: {P2}\n", "baseline -0.53"),
        ("K.txt 50 0 20 0 50 10 0 0 1", "without fx, cx"),
    ],
)
def test_read_rig__says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=r"calib\.txt") as caught:
        rig(tmp_path, text)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"fx": [1], "cx": 1, "cy": 1, "baseline_m": 1}'])
def test_read_rig__says_what_is_wrong_in_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"calib\.json"):
        rig(tmp_path, text, "calib.json")


def test_read_rig__metres_above_five_where_they_are_called_so(tmp_path: Path) -> None:
    assert rig(tmp_path, "fx: 50\ncx: 20\ncy: 10\nbaseline_m: 120\n").baseline_m == 120.0


def test_rig_of_projections__a_focal_length_of_zero_has_no_baseline() -> None:
    with pytest.raises(DataError, match="above 0"):
        rig_of_projections([0.0] * 12, [0.0] * 12, path=Path("calib.txt"))


def test_calibration_names__takes_the_nearest_and_stays_below_the_root(tmp_path: Path) -> None:
    folder = tmp_path / "root/a/left"
    folder.mkdir(parents=True)
    (tmp_path / "calib.txt").touch()
    assert camera_file_above(folder, tmp_path / "root", CALIBRATION_NAMES) is None
    (tmp_path / "root/K.txt").touch()
    assert camera_file_above(folder, tmp_path / "root", CALIBRATION_NAMES) == tmp_path / "root/K.txt"
    (tmp_path / "root/a/calib.txt").touch()
    (tmp_path / "root/a/K.txt").touch()
    assert camera_file_above(folder, tmp_path / "root", CALIBRATION_NAMES) == tmp_path / "root/a/calib.txt"
