# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from leadline.cli import doctor
from tests.cli.toy import say


def test_doctor__finds_all_well_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = say(capsys, "doctor")
    assert said.status == 0, said.out
    words = (
        "software",
        "torch",
        "processor",
        "memory",
        "accelerator",
        "disk",
        "cache of weights",
        "extra 'exr'",
        "self-check",
    )
    assert all(word in said.out for word in words)
    assert "BROKEN" not in said.out


def test_doctor__exits_with_1_when_something_needed_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "self_check", lambda: [doctor.Finding(subject="self-check", detail="nonsense", well=False)])
    said = say(capsys, "doctor")
    assert said.status == 1
    assert "BROKEN" in said.out


def test_extras__names_the_command_that_installs_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "OpenEXR":
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(metadata, "version", version)
    by_subject = {finding.subject: finding for finding in doctor.extras()}
    assert by_subject["extra 'exr'"].detail == "without OpenEXR: pip install 'leadline[exr]'"
    assert by_subject["extra 'exr'"].well
    assert by_subject["extra 'mat'"].detail == "installed"


def test_storage__notes_a_cache_that_cannot_be_written_and_fails_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "a" / "b"))
    assert doctor.storage()[1].state == "ok"
    monkeypatch.setattr("os.access", lambda *_: False)
    finding = doctor.storage()[1]
    assert (finding.well, finding.state) == (True, "note")
    assert "HF_HOME" in finding.detail
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(doctor, "self_check", list)
    said = say(capsys, "doctor")
    assert said.status == 0
    assert "note" in said.out
    assert "BROKEN" not in said.out


def test_self_check__runs_a_model() -> None:
    assert [finding.well for finding in doctor.self_check()] == [True]
