# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.errors import DataError, UsageError
from leadline.web.limits import Deadline, Limits, Work, read_upload
from tests.web.pictures import upload


def test_read_upload__gives_the_picture_upright(tmp_path: Path) -> None:
    turned = Image.new("RGB", (30, 20), (10, 20, 30))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.jpg", exif=exif)
    assert read_upload(tmp_path / "a.jpg", Limits()).shape == (30, 20, 3)


def test_read_upload__refuses_too_many_pixels_and_does_not_name_the_servers_folder(tmp_path: Path) -> None:
    path = upload(tmp_path)
    with pytest.raises(DataError, match=r"at most 2000 pixels.*--max-megapixels") as refusal:
        read_upload(path, Limits(megapixels=0.002))
    assert str(tmp_path) not in str(refusal.value)
    assert "my photo.png with 60x40" in str(refusal.value)


def test_read_upload__refuses_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(b"\0" * 1_000_001)
    with pytest.raises(DataError, match="at most 1 MB"):
        read_upload(path, Limits(file_mb=1))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n\0\0"])
def test_read_upload__refuses_what_is_no_picture_without_the_servers_folder(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png") as refusal:
        read_upload(tmp_path / "a.png", Limits())
    assert str(tmp_path) not in str(refusal.value)


@pytest.mark.parametrize(
    "wrong", [{"file_mb": 0}, {"megapixels": 0.0}, {"megapixels": 201.0}, {"time_s": 0.0}, {"time_s": float("nan")}]
)
def test_limits__refuse_what_cannot_be_meant(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="limit"):
        Limits(**wrong)  # type: ignore[arg-type]


def test_deadline__refuses_only_when_tiles_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = np.array([0.0])
    monkeypatch.setattr("leadline.web.limits.time.monotonic", lambda: float(now[0]))
    deadline = Deadline(10.0)
    now[0] = 9.0
    deadline.check(1, 3)
    now[0] = 11.0
    deadline.check(3, 3)
    assert deadline.elapsed_s == 11.0
    with pytest.raises(UsageError, match=r"within 10 s; got 1 of 3 tiles.*--time-limit"):
        deadline.check(1, 3)


def test_work__end_waits_for_what_is_under_way_and_refuses_the_rest() -> None:
    work, under_way, may_finish = Work(), threading.Event(), threading.Event()

    def predict() -> None:
        with work.one():
            under_way.set()
            may_finish.wait(10)

    threads = [threading.Thread(target=predict), threading.Thread(target=work.end)]
    threads[0].start()
    assert under_way.wait(10)
    work.check()
    threads[1].start()
    threads[1].join(0.1)
    assert threads[1].is_alive()
    with pytest.raises(UsageError, match="ending"):
        work.check()
    may_finish.set()
    for thread in threads:
        thread.join(10)
    assert not threads[1].is_alive()
    with pytest.raises(UsageError, match="ending"), work.one():
        pass


def test_sentence__says_what_the_limits_are_and_what_time_cannot_stop() -> None:
    said = Limits(file_mb=7, megapixels=2.5, time_s=60).sentence
    assert said.startswith("Up to 7 MB and 2.5 megapixels.")
    assert "in tiles is given up after 60 s; one without tiles runs to its end" in said
