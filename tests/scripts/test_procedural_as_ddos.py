# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes in the layout of DDOS: its reader opens them, depth is that of the scenes, seeds repeat."""

from __future__ import annotations

import runpy
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leadline.data.ddos import open_ddos
from leadline.data.ddos_classes import CLASS_IDS
from leadline.data.ddos_flights import data_folder, flights_below, require_separated
from leadline.data.procedural.rendering import Picture, Scene, render
from leadline.data.procedural.solids import Shape
from leadline.data.procedural.tracing import View
from leadline.data.request import DatasetRequest

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "procedural_as_ddos.py"))


def written(out: Path, *words: str) -> int:
    status: int = SCRIPT["main"]([str(out), "--flights", "3", "--frames", "2", "--size", "48x27", *words])
    return status


def stored(out: Path, kind: str) -> dict[str, Any]:
    return {str(path.relative_to(out)): np.asarray(Image.open(path)) for path in sorted(out.rglob(f"{kind}/*.png"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ddos")
    assert written(out) == 0
    return out


def test_script__writes_the_layout_that_the_reader_opens(folder: Path) -> None:
    flights = flights_below(data_folder(folder, "official"), "official")
    assert [flight.name for flight in flights] == [
        "train/neighbourhood/0",
        "train/neighbourhood/1",
        "train/park/0",
        "validation/neighbourhood/0",
        "test/neighbourhood/0",
    ]
    require_separated(flights)
    for split, count in (("train", 6), ("val", 2), ("test", 2), ("all", 10)):
        dataset = open_ddos(DatasetRequest(root=folder, split=split))
        assert len(dataset) == count
        sample, known = dataset[0], dataset.annotations(0)
        assert sample.image.shape == (3, 27, 48)
        assert known.ids is not None
        assert known.ids.shape == (27, 48)
        assert sample.valid is not None
        assert sample.valid.float().mean() > 0.3


def test_script__stores_what_the_release_stores(folder: Path) -> None:
    for kind, dtype, shape in (
        ("image", np.uint8, (27, 48, 3)),
        ("depth", np.uint16, (27, 48)),
        ("segmentation", np.uint8, (27, 48)),
    ):
        pictures = stored(folder, kind)
        assert len(pictures) == 10
        assert {(pixels.dtype, pixels.shape) for pixels in pictures.values()} == {(np.dtype(dtype), shape)}
    for flight in folder.glob("data/*/*/*"):
        assert len((flight / "metadata.csv").read_text().splitlines()) == 1 + 2
        assert len((flight / "weather.csv").read_text().splitlines()) == 1 + 1
    depth, classes = stored(folder, "depth"), stored(folder, "segmentation")
    assert any((pixels == 65535).any() for pixels in depth.values())
    assert 0 < np.mean([(pixels == 0).mean() for pixels in depth.values()]) < 0.005
    seen = {int(number) for pixels in classes.values() for number in np.unique(pixels)}
    assert (
        {CLASS_IDS[name] for name in ("background", "buildings", "trees", "thin_structures")}
        <= seen
        <= set(CLASS_IDS.values())
    )
    for name, pixels in depth.items():  # nothing that the scenes built is sky; ground may be far too
        beyond = classes[name.replace("depth", "segmentation")][pixels == 65535]
        assert set(np.unique(beyond)) <= {CLASS_IDS["background"], CLASS_IDS["buildings"]}


def test_script__frames_of_a_flight_move_and_flights_differ(folder: Path) -> None:
    depth = list(stored(folder, "depth").values())
    assert all((one != other).any() for index, one in enumerate(depth) for other in depth[:index])


def test_view_at__moves_ahead_at_the_speed_that_the_table_states() -> None:
    flight = SCRIPT["draw_flight"]("neighbourhood", 10, Random(0))
    view, row = SCRIPT["view_at"](flight, 7, (18, 32))
    assert view.position_m[2] == pytest.approx(0.7 * flight.speed_m_s)
    assert (row["time_s"], row["vz_m_s"]) == (0.7, pytest.approx(flight.speed_m_s, abs=1e-6))
    assert row["z_m"] == pytest.approx(view.position_m[2], abs=1e-6)
    assert 2.5 <= row["y_m"] == pytest.approx(view.position_m[1], abs=1e-6)
    assert 0.9 * flight.speed_m_s <= 12.0  # the flight ends before the street does


def test_script__exposes_a_whole_flight_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(scene: Scene, view: View, noise: np.random.Generator, gain: float | None) -> Picture:
        asked.append(gain)
        return render(scene, view, noise, gain)

    monkeypatch.setitem(SCRIPT["write_flight"].__globals__, "render", spy)
    flight = SCRIPT["draw_flight"]("park", 3, Random(0))
    SCRIPT["write_flight"](tmp_path, flight, 3, (9, 16), Random(1))
    assert asked[0] is None
    assert asked[1] == asked[2] is not None


def test_script__repeats_itself_and_changes_with_the_seed(folder: Path, tmp_path: Path) -> None:
    assert written(tmp_path / "again") == written(tmp_path / "other", "--seed", "1") == 0
    for kind in ("image", "depth", "segmentation"):
        first, again, other = (stored(out, kind) for out in (folder, tmp_path / "again", tmp_path / "other"))
        assert all(np.array_equal(first[name], again[name]) for name in first)
        assert any((first[name] != other[name]).any() for name in first)
    assert (folder / "data/train/park/0/metadata.csv").read_bytes() == (
        tmp_path / "again/data/train/park/0/metadata.csv"
    ).read_bytes()


def test_stored_depth__says_a_hundred_metres_for_far_and_sky() -> None:
    metres = np.array([[50.0008, 1e-4, 99.9985, 100.0, 250.0, np.inf]], np.float32)
    assert SCRIPT["stored_depth"](metres).tolist() == [[32768, 1, 65534, 65535, 65535, 65535]]


@pytest.mark.parametrize(
    ("shape", "size_m", "name"),
    [
        (Shape.BEAM, (20.0, 0.03, 0.03), "ultra_thin"),  # a wire
        (Shape.COLUMN, (0.06, 2.6, 0.06), "thin_structures"),  # a signpost
        (Shape.COLUMN, (0.25, 3.4, 0.25), "trees"),
        (Shape.BALL, (2.0, 1.7, 2.0), "trees"),
        (Shape.BOX, (1.78, 0.75, 4.2), "vehicles"),
        (Shape.BEAM, (0.2, 0.64, 0.64), "vehicles"),  # a wheel
        (Shape.BOX, (11.0, 6.5, 8.0), "buildings"),
        (Shape.BOX, (40.0, 0.13, 140.0), "background"),  # paving
        (Shape.BOX, (0.58, 0.98, 0.7), "other"),  # a bin
    ],
)
def test_class_of__tells_things_by_shape_and_size(shape: Shape, size_m: tuple[float, float, float], name: str) -> None:
    assert SCRIPT["class_of"](shape, size_m) == name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "320"), "--size WIDTHxHEIGHT in pixels; got '320'"),
        (("--size", "0x9"), "--size WIDTHxHEIGHT"),
        (("--frames", "0"), "at least one flight of one frame"),
        (("--flights", "-1"), "at least one flight of one frame"),
    ],
)
def test_script__mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert written(tmp_path / "new", *words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_script__overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = stored(folder, "depth")
    assert written(folder) == 2
    assert "a new folder; got" in capsys.readouterr().err
    assert stored(folder, "depth").keys() == before.keys()
