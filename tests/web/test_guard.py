# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leadline.web.guard import Guard, Message, Receive, Scope, Send

LOCAL = (b"host", b"127.0.0.1:7860")


async def answering(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b"page"})


def asked(files: Path, path: str, *headers: tuple[bytes, bytes], kind: str = "http") -> list[Message]:
    """What is sent in answer to one request; from this machine unless ``headers`` say otherwise."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        said.append(message)

    scope: Scope = {"type": kind, "path": path, "headers": list(headers or (LOCAL,))}
    asyncio.run(Guard(answering, files)(scope, receive, send))
    return said


@pytest.mark.parametrize(
    "path",
    ["/", "/config", "/theme.css", "/assets/index.js", "/static/js/a.js", "/gradio_api/queue/join", "/gradio_api/upload",
     "/gradio_api/heartbeat/ab1", "/gradio_api/queue/data", "/gradio_api/startup-events"],
)  # fmt: skip
def test_guard__lets_pass_what_the_page_needs(path: str, tmp_path: Path) -> None:
    assert asked(tmp_path, path)[0]["status"] == 200


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/file=/etc/passwd", "/gradio_api/file=http://example.org/a", "/gradio_api/file=../../etc/passwd",
     "/gradio_api/file=", "/gradio_api/proxy=https://example.org", "/gradio_api/run-history/records", "/gradio_api/info",
     "/gradio_api/runs", "/gradio_api/file/etc/passwd", "/gradio_api/run/predict", "/docs", "/openapi.json", "/login",
     "/gradio_api/deep_link", "/gradio_api/stream/a/b/1/playlist.m3u8", "//", "/gradio_api/queue/join/"],
)  # fmt: skip
def test_guard__refuses_all_else(path: str, tmp_path: Path) -> None:
    assert asked(tmp_path, path)[0]["status"] == 403


def test_guard__serves_files_of_its_folder_only(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "link").symlink_to("/etc")
    prefix = "/gradio_api/file="
    assert asked(files, f"{prefix}{files}/a.npy")[0]["status"] == 200
    for name in (f"{files}/../b.npy", f"{files}/link/passwd", f"{files}-other/a", f"{files}/%2e%2e/b", f"{files}/a\0b"):
        assert asked(files, prefix + name)[0]["status"] == 403, name


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1.evil.example:7860", b"evil.example:127", b""])
def test_guard__answers_to_this_machines_names_only(host: bytes, tmp_path: Path) -> None:
    assert asked(tmp_path, "/", (b"host", host))[0]["status"] == 403
    assert asked(tmp_path, "/", LOCAL, (b"host", host))[0]["status"] == 403


@pytest.mark.parametrize("host", [b"localhost:7860", b"127.0.0.1", b"[::1]:7860", b"LOCALHOST"])
def test_guard__knows_this_machines_names(host: bytes, tmp_path: Path) -> None:
    assert asked(tmp_path, "/", (b"host", host))[0]["status"] == 200


def test_guard__takes_nothing_from_foreign_pages(tmp_path: Path) -> None:
    own, foreign, other = b"http://127.0.0.1:7860", b"https://evil.example", b"http://127.0.0.1:9999"
    assert asked(tmp_path, "/gradio_api/upload", LOCAL, (b"origin", own))[0]["status"] == 200
    for origin in (foreign, other, b"null"):
        assert asked(tmp_path, "/gradio_api/upload", LOCAL, (b"origin", origin))[0]["status"] == 403


def test_guard__every_answer_has_a_policy_that_names_no_other_host(tmp_path: Path) -> None:
    for path in ("/", "/docs"):
        headers = dict(asked(tmp_path, path)[0]["headers"])
        policy = headers[b"content-security-policy"]
        assert b"default-src 'self'" in policy
        assert b"http" not in policy
        assert b"*" not in policy
    assert dict(asked(tmp_path, "/")[0]["headers"])[b"x-own"] == b"1"


def test_guard__closes_web_sockets(tmp_path: Path) -> None:
    assert asked(tmp_path, "/", kind="websocket") == [{"type": "websocket.close", "code": 1008}]


def test_guard__lets_the_server_start_and_stop(tmp_path: Path) -> None:
    assert asked(tmp_path, "", kind="lifespan")[0]["status"] == 200
