# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from leadline.web.limits import Limits
from leadline.web.shelf import Shelf
from tests.cli.toy import save_toy, say

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if gradio were there, for these tests serve nothing."""
    monkeypatch.setattr("leadline.web.server.require_gradio", lambda: None)


class Served:
    """Takes the place of the server: notes what it was given, says it is ready, and is interrupted."""

    def __call__(
        self, shelf: Shelf, limits: Limits, *, port: int, on_ready: Callable[[str], None], stop: threading.Event
    ) -> None:
        assert not stop.is_set()
        self.shelf, self.limits, self.port = shelf, limits, port
        on_ready(f"http://127.0.0.1:{port}")
        raise KeyboardInterrupt


def test_app__serves_the_named_models_within_the_limits_until_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served()
    monkeypatch.setattr("leadline.web.server.serve", served)
    one, two = save_toy(tmp_path / "a"), save_toy(tmp_path / "b")
    limits = ("--max-file-mb", "7", "--max-megapixels", "3", "--time-limit", "5")
    said = say(capsys, "app", one, two, "--port", "7999", "--device", "cpu", *limits)
    assert said.status == 0, said.err
    assert served.shelf.names == (str(one), str(two))
    assert (served.port, served.limits) == (7999, Limits(file_mb=7, megapixels=3.0, time_s=5.0))
    assert "http://127.0.0.1:7999" in said.out
    assert "stopped" in said.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--port", "0"), "--port between 1 and 65535"),
        (("--port", "70000"), "70000"),
        (("--max-megapixels", "500"), "at most 200 megapixels"),
        (("--time-limit", "0"), "above 0 seconds"),
        (("--max-file-mb", "0"), "at least 1 MB"),
        (("--share",), "--share"),
        (("--device", "tpu"), "tpu"),
        (("--architecture", "no-such"), "no-such"),
    ],
)
def test_app__answers_a_mistake_in_one_line(
    words: tuple[str, ...], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.web.server.serve", Served())
    assert named in say(capsys, "app", save_toy(tmp_path / "a"), *words).mistake()


def test_app__tells_a_missing_model_before_it_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.web.server.serve", Served())
    assert "none" in say(capsys, "app", tmp_path / "none").mistake()


def test_app__without_gradio_names_the_install_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "pip install 'leadline[app]'" in say(capsys, "app", tmp_path / "none").mistake()


def test_app__is_ended_by_sigterm_with_its_own_status_and_leaves_the_signal_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(*_: object, stop: threading.Event, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)

    monkeypatch.setattr("leadline.web.server.serve", serve)
    before = signal.getsignal(signal.SIGTERM)
    assert say(capsys, "app", save_toy(tmp_path / "a"), "--device", "cpu").status == 143
    assert signal.getsignal(signal.SIGTERM) is before
