# SPDX-License-Identifier: Apache-2.0
"""Many pictures, one predictor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leadline.contracts.depth_map import DepthKind, DepthMap
from leadline.contracts.errors import DataError, StorageError, UsageError
from leadline.inference.inputs import Inputs, collect_inputs
from leadline.inference.predict_files import PredictionSettings, predict_files
from leadline.inference.preprocess import PreprocessSettings


class Brightness:
    """A predictor whose depth is the red channel, so that every file can be traced to its picture."""

    def __init__(self, kind: DepthKind = DepthKind.METRIC) -> None:
        self.kind = kind
        self.preprocessing = PreprocessSettings(input_size=14)
        self.batches: list[int] = []

    @property
    def description(self) -> Mapping[str, object]:
        return {"model": "brightness"}

    def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
        self.batches.append(len(pictures))
        values = [picture[..., 0].astype(np.float32) for picture in pictures]
        return [DepthMap(values=v, valid=np.ones(v.shape, bool), kind=self.kind) for v in values]


def plant(folder: Path, count: int, *, start: int = 10) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.new("RGB", (6 + index % 2, 5), (start + index, 0, 0)).save(folder / f"{index}.png")
    return folder


def run(source: Path, out: Path, settings: PredictionSettings | None = None) -> Brightness:
    predictor = Brightness()
    predict_files(predictor, collect_inputs([source]), out, settings or PredictionSettings())
    return predictor


def test_predict_files__writes_npy_and_json_of_the_right_picture_at_its_size(tmp_path: Path) -> None:
    plant(tmp_path / "in", 3)
    plant(tmp_path / "in" / "sub", 2, start=100)
    run(tmp_path / "in", tmp_path / "out", PredictionSettings(batch_size=2))
    for name, level in (("0", 10), ("2", 12), ("sub/0", 100), ("sub/1", 101)):
        values = np.load(tmp_path / "out" / f"{name}.npy")
        width = 6 + int(name[-1]) % 2
        assert values.shape == (5, width)
        assert (values == level).all()
        record = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert record["image"].endswith(f"{name}.png")
        assert record["model"] == "brightness"


def test_predict_files__streams_in_batches_and_reports_progress(tmp_path: Path) -> None:
    plant(tmp_path / "in", 5)
    predictor, seen = Brightness(), []
    settings = PredictionSettings(batch_size=2)
    summary = predict_files(
        predictor,
        collect_inputs([tmp_path / "in"]),
        tmp_path / "out",
        settings,
        lambda done, all_: seen.append((done, all_)),
    )
    assert predictor.batches == [2, 2, 1]
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert summary.predicted == 5
    assert len(summary.files) == 10
    assert all(path.is_file() for path in summary.files)


def test_predict_files__holds_few_large_pictures_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "in", 5)  # 30 or 35 pixels each
    (tmp_path / "in" / "broken.png").touch()
    monkeypatch.setattr("leadline.inference.predict_files._PIXELS_TOGETHER", 70)
    predictor = run(tmp_path / "in", tmp_path / "out", PredictionSettings(batch_size=4, on_unreadable="skip"))
    assert predictor.batches == [2, 2, 1]
    monkeypatch.setattr("leadline.inference.predict_files._PIXELS_TOGETHER", 1)
    assert run(tmp_path / "in", tmp_path / "out", PredictionSettings(batch_size=4, on_unreadable="skip")).batches[0] == 1


def test_predict_files__writes_a_maps_own_notes_into_its_json(tmp_path: Path) -> None:
    class Noting(Brightness):
        def predict_batch(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[DepthMap]:
            maps = super().predict_batch(pictures)
            return [replace(one, notes={"width_seen": one.values.shape[1]}) for one in maps]

    plant(tmp_path / "in", 2)
    predict_files(Noting(), collect_inputs([tmp_path / "in"]), tmp_path / "out", PredictionSettings(batch_size=2))
    seen = [json.loads((tmp_path / "out" / f"{name}.json").read_text())["width_seen"] for name in "01"]
    assert seen == [6, 7]


def test_predict_files__stops_at_an_unreadable_picture_and_keeps_what_it_has(tmp_path: Path) -> None:
    plant(tmp_path / "in", 3)
    (tmp_path / "in" / "1.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match=r"1\.png"):
        run(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / "0.npy").is_file()
    assert not (tmp_path / "out" / "1.npy").exists()


def test_predict_files__skips_and_names_unreadable_pictures_when_told_to(tmp_path: Path) -> None:
    plant(tmp_path / "in", 3)
    (tmp_path / "in" / "1.png").write_bytes(b"")
    Image.new("RGB", (90000, 1)).save(tmp_path / "in" / "thin.png")
    (tmp_path / "in" / "notes.txt").touch()
    settings, done = PredictionSettings(on_unreadable="skip", batch_size=2), []
    summary = predict_files(
        Brightness(), collect_inputs([tmp_path / "in"]), tmp_path / "out", settings, lambda n, _: done.append(n)
    )
    assert done == [2, 4]
    assert summary.predicted == 2
    assert [path.name for path, _ in summary.skipped] == ["1.png", "thin.png"]
    assert all(reason for _, reason in summary.skipped)
    assert summary.ignored == 1
    assert not (tmp_path / "out" / "1.npy").exists()


def test_predict_files__not_one_readable_picture_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of 1"):
        run(tmp_path / "a.png", tmp_path / "out", PredictionSettings(on_unreadable="skip"))


def test_predict_files__finds_out_that_it_cannot_write_before_it_predicts(tmp_path: Path) -> None:
    plant(tmp_path / "in", 1)
    (tmp_path / "file").touch()
    predictor = Brightness()
    with pytest.raises(StorageError, match="file"):
        predict_files(predictor, collect_inputs([tmp_path / "in"]), tmp_path / "file" / "out", PredictionSettings())
    assert predictor.batches == []


def test_predict_files__never_writes_over_an_input(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    Image.new("RGB", (3, 3)).save(tmp_path / "a_color.png")
    before = (tmp_path / "a_color.png").read_bytes()
    with pytest.raises(StorageError, match="a_color"):
        run(tmp_path, tmp_path, PredictionSettings(formats=("color",)))
    assert (tmp_path / "a_color.png").read_bytes() == before
    run(tmp_path, tmp_path, PredictionSettings(formats=("npy",)))
    assert (tmp_path / "a_color.npy").is_file()


def test_predict_files__refuses_formats_and_batches_that_cannot_be(tmp_path: Path) -> None:
    plant(tmp_path / "in", 1)
    inputs = collect_inputs([tmp_path / "in"])
    relative = Brightness(DepthKind.AFFINE_DISPARITY)
    with pytest.raises(UsageError, match="ply"):
        predict_files(relative, inputs, tmp_path / "out", PredictionSettings(formats=("ply",)))
    with pytest.raises(UsageError, match="batch size"):
        predict_files(Brightness(), inputs, tmp_path / "out", PredictionSettings(batch_size=0))
    assert not (tmp_path / "out").exists()


def test_predict_files__applies_the_exif_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 3), (9, 0, 0)).save(tmp_path / "a.jpg", exif=exif)
    run(tmp_path / "a.jpg", tmp_path / "out")
    assert np.load(tmp_path / "out" / "a.npy").shape == (8, 3)


def test_predict_files__refuses_to_predict_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one readable picture; got none"):
        predict_files(Brightness(), Inputs(pictures=(), ignored=0), tmp_path, PredictionSettings())
