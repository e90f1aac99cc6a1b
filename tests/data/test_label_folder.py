# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadline.contracts.depth_map import DepthKind
from leadline.contracts.errors import DataError
from leadline.data.label_folder import (
    JOB_FILE,
    LabelJob,
    done_shards,
    manifest_path,
    read_job,
    read_manifest_lines,
    read_record,
    write_job,
    write_manifest,
)
from tests.labelling.toys import label_all, request_for, write_pictures

JOB = LabelJob(
    model="m@1", weights_sha256="ab", kind=DepthKind.METRIC, settings={"dtype": "fp16"}, settings_sha256="cd", leadline="1"
)


def labelled(tmp_path: Path) -> Path:
    request = request_for(write_pictures(tmp_path / "pictures", 4), tmp_path / "out")
    label_all(request)
    return request.out


def test_job__comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_job(tmp_path) is None
    write_job(tmp_path, JOB)
    assert read_job(tmp_path) == JOB


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}', '{"format": 1, "kind": "x"}'])
def test_job__damaged_or_later_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / JOB_FILE).write_text(text)
    with pytest.raises(DataError, match=JOB_FILE):
        read_job(tmp_path)


def test_manifest__comes_back_as_it_was_written(tmp_path: Path) -> None:
    out = labelled(tmp_path)
    lines, record = list(read_manifest_lines(manifest_path(out, 1))), read_record(manifest_path(out, 1))
    write_manifest(tmp_path / "copy.jsonl", lines, record)
    assert (tmp_path / "copy.jsonl").read_bytes() == manifest_path(out, 1).read_bytes()
    assert lines[0].quality is not None
    assert lines[0].picture_size_px in {(40, 60), (50, 30)}


def test_done_shards__counts_manifests_and_nothing_else(tmp_path: Path) -> None:
    assert done_shards(tmp_path / "gone") == set()
    out = labelled(tmp_path)
    for name in ("shard-000007.tar", ".shard-000008.ab.partial.jsonl", "shard-x.jsonl", "notes.jsonl"):
        (out / name).touch()
    assert done_shards(out) == {0, 1}


@pytest.mark.parametrize("cut", ["no closing line", "a line missing", "a key missing", "no json"])
def test_manifest__damage_is_found_and_named(tmp_path: Path, cut: str) -> None:
    path = manifest_path(labelled(tmp_path), 0)
    first, second, closing = path.read_text().splitlines()
    without = {name: value for name, value in json.loads(first).items() if name != "scale"}
    texts = {
        "no closing line": [first, second],
        "a line missing": [second, closing],
        "a key missing": [json.dumps(without), second, closing],
        "no json": [first[:50], second, closing],
    }
    path.write_text("\n".join(texts[cut]) + "\n")
    with pytest.raises(DataError, match=r"shard-000000\.jsonl"):
        list(read_manifest_lines(path))
    if cut == "no closing line":
        with pytest.raises(DataError, match="no closing line"):
            read_record(path)
