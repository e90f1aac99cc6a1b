# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

from leadline.cli.label import LabelArguments, line_of, progress_line
from leadline.labelling.board import LabelProgress, LabelSummary
from leadline.labelling.request import LabelRequest
from leadline.models.head_config import RelativeHeadConfig
from tests.cli.toy import Said, save_toy, say
from tests.labelling.toys import content, encoded, jpeg, write_pictures, write_tar

SMALL = ("--device", "cpu", "--precision", "fp32", "--input-size", "28", "--executor", "rank")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model") / "toy", RelativeHeadConfig())


@pytest.fixture(autouse=True)
def _one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: the other executors are slow to start and have tests of their own."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)


def label(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    return say(capsys, "label", *words, *SMALL)


def test_arguments__ask_for_what_a_request_can_be_told_with_the_same_defaults() -> None:
    ours = {field.name: field.default for field in dataclasses.fields(LabelArguments)}
    assert ours == {field.name: field.default for field in dataclasses.fields(LabelRequest)}


def test_label__labels_a_folder_and_says_what_became_of_it(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_pictures(tmp_path / "pictures", 5)
    (images / "notes.txt").write_text("no picture")
    (images / "torn.jpg").write_bytes(b"no picture")
    said = label(capsys, toy, images, "--out", tmp_path / "out", "--pictures-per-shard", 4)
    assert said.status == 0, said.err
    assert "5 labels of 6 pictures in 2 shards, 1 unreadable;" in said.out
    assert f"images/s: {tmp_path / 'out'}" in said.out
    assert sorted(content(tmp_path / "out")) == [
        "labels.json", "shard-000000.jsonl", "shard-000000.tar", "shard-000001.jsonl", "shard-000001.tar",
    ]  # fmt: skip
    again = label(capsys, toy, images, "--out", tmp_path / "out", "--pictures-per-shard", 4)
    assert "2 of the shards done before" in again.out
    job = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert (job["kind"], job["settings"]["dtype"]) == ("affine_disparity", "uint16")


def test_label__labels_a_folder_of_tars(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        write_tar(tmp_path / "tars" / f"sa_{number}.tar", {f"sa_{number}.jpg": jpeg(number), f"sa_{number}.json": b"{}"})
    said = label(capsys, toy, tmp_path / "tars", "--out", tmp_path / "out", "--tta", "flip", "--dtype", "fp16")
    assert said.status == 0, said.err
    assert "2 labels of 2 pictures in 2 shards;" in said.out


def test_label__dead_labels_are_counted_and_dropped_on_demand(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_pictures(tmp_path / "pictures", 2)
    said = label(capsys, toy, images, "--out", tmp_path / "out", "--min-valid", "1.0", "--drop-dead")
    assert said.status == 0, said.err
    assert "2 labels of 2 pictures" in said.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--tta", "multiscale"), "--tta to be one of none, flip"),
        (("--dtype", "uint8"), "--dtype to be one of uint16, fp16"),
        (("--runtime", "auto"), "--runtime to be one of torch, onnx, openvino"),
        (("--min-valid", "2"), "--min-valid from 0 to 1"),
        (("--workers", "2"), "--executor local with --workers"),
        (("--address", "auto"), "--executor ray with --address"),
        (("--batch-size", "0"), "--batch-size of at least 1"),
        (("--on-unreadable", "stop"), "torn.jpg"),
        (("--drop-deaf",), "did you mean --drop-dead?"),
    ],
)
def test_label__answers_a_mistake_in_one_line(
    toy: Path, words: tuple[str, ...], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_pictures(tmp_path / "pictures", 2)
    (images / "torn.jpg").write_bytes(b"no picture")
    assert named in label(capsys, toy, images, "--out", tmp_path / "out", *words).mistake()


def test_label__refuses_other_settings_models_and_pictures_in_one_line(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_pictures(tmp_path / "pictures", 4)
    words = (images, "--out", tmp_path / "out", "--pictures-per-shard", "2")
    assert label(capsys, toy, *words).status == 0
    before = content(tmp_path / "out")
    assert "dtype = uint16" in label(capsys, toy, *words, "--dtype", "fp16").mistake()
    other = save_toy(tmp_path / "other")
    assert "whose numbers differ" in label(capsys, other, *words).mistake()
    (images / "000b.png").write_bytes(encoded(np.zeros((20, 20, 3), np.uint8), "PNG"))
    assert "shard 0 was folder-000000" in label(capsys, toy, *words).mistake()
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize("case", ["stems", "nothing", "gone", "a text", "no rank"])
def test_label__refuses_bad_input_in_one_line(
    toy: Path, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_pictures(tmp_path / "pictures", 1)
    if case == "stems":
        (images / "000.png").write_bytes(encoded(np.zeros((20, 20, 3), np.uint8), "PNG"))
    if case == "no rank":
        monkeypatch.delenv("RANK")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("hello")
    place = {"nothing": tmp_path / "empty", "gone": tmp_path / "gone", "a text": tmp_path / "a.txt"}.get(case, images)
    named = {
        "stems": "000.jpg and 000.png",
        "nothing": "empty",
        "gone": "gone",
        "a text": "a.txt",
        "no rank": "RANK and WORLD",
    }
    assert named[case] in label(capsys, toy, place, "--out", tmp_path / "out").mistake()


def test_label__a_broken_tar_stays_unfinished_and_the_others_are_labelled(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tars = tmp_path / "tars"
    for number in range(3):
        write_tar(tars / f"{number}.tar", {f"{number}.jpg": jpeg(number)})
    whole = (tars / "1.tar").read_bytes()
    (tars / "1.tar").write_bytes(whole[:700])
    line = label(capsys, toy, tars, "--out", tmp_path / "out").mistake()
    assert "1 of 3 left unfinished, the first 1.tar" in line
    (tars / "1.tar").write_bytes(whole)
    said = label(capsys, toy, tars, "--out", tmp_path / "out")
    assert "3 labels of 3 pictures in 3 shards, 2 of the shards done before" in said.out


def test_lines__say_pace_and_remaining_time() -> None:
    now = LabelProgress(shards_done=12, shards=6200, pictures=4312, per_second=23.44, remaining_s=3725.4)
    assert progress_line(now) == "12 of 6200 shards, 4312 pictures, 23.4 images/s, 1:02:05 left"
    assert progress_line(dataclasses.replace(now, remaining_s=None)).endswith("23.4 images/s")
    summary = LabelSummary(
        shards=3, already_done=1, pictures=30, labels=25, dropped=2, unreadable=3, dead=4, all_sky=1, seconds=2.0,
        per_second=10.0,
    )  # fmt: skip
    assert line_of(summary, Path("out")) == (
        "25 labels of 30 pictures in 3 shards, 1 of the shards done before, 2 dropped by filters, 3 unreadable, "
        "4 dead predictions, 1 all sky; 10.0 images/s: out"
    )


def test_show__tells_a_line_now_and_then_where_nobody_watches(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.cli.label._SAY_EVERY_S", 0.0)
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    images = write_pictures(tmp_path / "pictures", 2)
    label(capsys, toy, images, "--out", tmp_path / "out")
    assert "1 of 1 shards, 2 pictures" in written.getvalue()
