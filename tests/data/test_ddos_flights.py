# SPDX-License-Identifier: Apache-2.0
"""DDOS is found where it lies, its flights in natural order, each in one split; filters say what they cannot mean."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.data.ddos_flights import (
    Flight,
    data_folder,
    flights_below,
    natural_order,
    require_separated,
    wanted_flights,
)
from tests.data.layouts import ddos

HUB = "datasets--benediktkol--DDOS"
COMMIT = "1ed1314d32ef3a5a7e1434000783a8433517bd0e"


def hub(cache: Path, *commits: str) -> Path:
    """A Hugging Face cache: files are links into ``blobs``."""
    ddos(cache / "plain", "train/park/0", "test/park/0")
    (cache / HUB / "blobs").mkdir(parents=True)
    for commit in commits:
        for path in sorted((cache / "plain").rglob("*.*")):
            blob = cache / HUB / "blobs" / str(path.relative_to(cache)).replace("/", "_")
            shutil.copy(path, blob)
            link = cache / HUB / "snapshots" / commit / path.relative_to(cache / "plain")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
    return cache / HUB


def found(root: Path) -> list[Flight]:
    return flights_below(data_folder(root, "official"), "official")


def names(flights: list[Flight]) -> list[str]:
    return [flight.name for flight in flights]


def test_natural_order__counts_numbers_and_takes_any_name() -> None:
    assert sorted(["10", "b", "9", "a2", "a10", "2", ""], key=natural_order) == ["", "2", "9", "10", "a2", "a10", "b"]


def test_data_folder__is_found_from_the_release_and_from_the_cache(tmp_path: Path) -> None:
    ddos(tmp_path / "release", "train/park/0")
    data = tmp_path / "release" / "data"
    assert data_folder(tmp_path / "release", "official") == data_folder(data, "official") == data
    cache = hub(tmp_path / "cache", COMMIT)
    for root in (cache, cache.parent, cache / "snapshots" / COMMIT):
        assert data_folder(root, "official") == cache / "snapshots" / COMMIT / "data"
    assert names(found(cache)) == ["train/park/0", "test/park/0"]
    require_separated(found(cache))


def test_data_folder__takes_the_snapshot_that_refs_main_names(tmp_path: Path) -> None:
    cache = hub(tmp_path, "aaa", COMMIT)
    with pytest.raises(DataError, match=r"refs/main in .* which snapshot is meant; got 2 snapshots"):
        data_folder(cache, "official")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(COMMIT + "\n")
    assert data_folder(cache, "official").parent.name == COMMIT


def test_data_folder__a_wrong_root_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"data/train, data/validation or data/test of DDOS; got none in .*other") as said:
        data_folder(tmp_path / "other", "official")
    assert "layout=short" not in str(said.value)
    with pytest.raises(DataError, match=r"neighbourhood or park \(layout=short\)"):
        data_folder(tmp_path, "short")


def test_flights_below__sorts_flights_and_pictures_as_numbers(tmp_path: Path) -> None:
    ddos(tmp_path, *(f"train/neighbourhood/{number}" for number in (10, 2, 0)), "train/park/3", frames=11)
    (tmp_path / "data" / "train" / "park" / "3" / "image" / ".hidden.png").write_bytes(b"")
    (tmp_path / "data" / "train" / "park" / "4" / "depth").mkdir(parents=True)
    flights = found(tmp_path)
    assert names(flights) == ["train/neighbourhood/0", "train/neighbourhood/2", "train/neighbourhood/10", "train/park/3"]
    assert flights[-1].pictures == tuple(f"{number}.png" for number in range(11))
    assert (flights[0].split_folder, flights[0].environment) == ("train", "neighbourhood")


def test_require_separated__numbers_may_repeat_in_splits_as_in_the_release(tmp_path: Path) -> None:
    ddos(tmp_path, "train/park/0", "validation/park/0", "test/park/0")
    require_separated(found(tmp_path))


def test_require_separated__a_copied_flight_is_one_line_naming_both(tmp_path: Path) -> None:
    ddos(tmp_path, "train/park/0", "train/park/1", "validation/neighbourhood/0")
    data = tmp_path / "data"
    shutil.copytree(data / "train" / "park" / "1", data / "validation" / "park" / "7")
    with pytest.raises(DataError, match=r"got validation/park/7 with the same metadata\.csv as train/park/1") as said:
        require_separated(found(tmp_path))
    assert "\n" not in str(said.value)
    (data / "validation" / "park" / "7" / "metadata.csv").unlink()
    with pytest.raises(DataError, match=r"validation/park/7 with the same 0\.png as train/park/1"):
        require_separated(found(tmp_path))
    shutil.rmtree(data / "train" / "park" / "1")
    require_separated(found(tmp_path))


def test_require_separated__frames_of_one_flight_dealt_to_two_splits_are_seen_by_its_table(tmp_path: Path) -> None:
    ddos(tmp_path, "train/park/0", frames=4)
    data = tmp_path / "data"
    shutil.copytree(data / "train" / "park" / "0", data / "validation" / "park" / "0")
    for number in range(4):
        (data / ("train" if number >= 2 else "validation") / "park" / "0" / "image" / f"{number}.png").unlink()
    with pytest.raises(DataError, match="every flight in one split only"):
        require_separated(found(tmp_path))


def test_require_separated__copies_inside_a_split_and_empty_tables_are_nobodys_leak(tmp_path: Path) -> None:
    ddos(tmp_path, "train/park/0", "validation/park/0")
    data = tmp_path / "data"
    shutil.copytree(data / "train" / "park" / "0", data / "train" / "park" / "1")
    for split in ("train", "validation"):
        (data / split / "park" / "0" / "metadata.csv").write_text("frame,z_m\n")
    require_separated(found(tmp_path))


def test_wanted_flights__entries_restrict_the_splits_they_speak_of(tmp_path: Path) -> None:
    ddos(tmp_path, "train/neighbourhood/0", "train/neighbourhood/1", "train/park/1", "validation/neighbourhood/0")
    flights = found(tmp_path)

    def left(chosen: str, environments: str = "") -> list[str]:
        return names(wanted_flights(flights, environments=environments, chosen=chosen))

    assert left("1") == ["train/neighbourhood/1", "train/park/1"]
    assert left("park/1") == ["train/park/1"]
    assert left("train/1") == ["train/neighbourhood/1", "train/park/1", "validation/neighbourhood/0"]
    assert left("train/park/1,val/0") == ["train/park/1", "validation/neighbourhood/0"]
    assert left("0,1", "neighbourhood") == [
        "train/neighbourhood/0",
        "train/neighbourhood/1",
        "validation/neighbourhood/0",
    ]
    assert left("") == names(flights)


@pytest.mark.parametrize("chosen", ["7", "park/0", "train/park/0", "train", "neighbourhood", "0/0"])
def test_wanted_flights__what_is_not_there_is_named(tmp_path: Path, chosen: str) -> None:
    ddos(tmp_path, "train/neighbourhood/0", "train/neighbourhood/1", "train/neighbourhood/2", "train/neighbourhood/3")
    with pytest.raises(UsageError, match=rf"flights that are there; got '{chosen}' .*train/neighbourhood/0, .* and 1 more"):
        wanted_flights(found(tmp_path), environments="", chosen=f"0,{chosen}")


def test_wanted_flights__a_split_has_no_meaning_in_the_short_layout(tmp_path: Path) -> None:
    ddos(tmp_path, "train/park/0")
    flights = flights_below(data_folder(tmp_path / "data" / "train", "short"), "short")
    assert names(flights) == ["park/0"]
    assert names(wanted_flights(flights, environments="", chosen="park/0")) == ["park/0"]
    with pytest.raises(UsageError, match="got 'train/0'"):
        wanted_flights(flights, environments="", chosen="train/0")


def test_wanted_flights__environments_are_known() -> None:
    with pytest.raises(UsageError, match="environments of DDOS: neighbourhood, park; got 'neighborhood'"):
        wanted_flights([], environments="neighborhood", chosen="")
