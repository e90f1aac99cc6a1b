# SPDX-License-Identifier: Apache-2.0
"""A request to the page enters; it goes on to the page, or is refused, and every answer leaves with a content policy.

The server behind knows more routes than this page needs: it would fetch foreign addresses for the browser, list recorded
runs, take forms from foreign pages, and answer to any host name, which lets a foreign page in once its name points here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Scripts and styles are inline in the page that gradio makes, and its components compile their own; all else is refused.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'self'; object-src 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode("ascii")),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_PAGE = re.compile(r"/(|config/?|theme\.css|favicon\.ico|manifest\.json|(static|assets|svelte)/.*)")
_API = re.compile(r"(heartbeat/[\w-]+|queue/(join|data)|upload|upload_progress|startup-events|app_id/?|reset/?|cancel)")
_API_PREFIX, _FILE = "/gradio_api/", "file="


class Guard:
    """ASGI middleware around the page's server.

    Args:
        app: what answers.
        files: the only folder whose files may be fetched.
    """

    def __init__(self, app: Application, files: Path) -> None:
        self._app = app
        self._files = files.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http" or not self._is_welcome(scope):
            await _refuse(scope, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_policy)

    def _is_welcome(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or re.sub(r":\d+$", "", hosts[0]).lower() not in HOSTS:
            return False
        # A foreign page may send a form here without asking; its browser names it in Origin.
        if any(value.decode("latin-1") != f"http://{hosts[0]}" for name, value in scope["headers"] if name == b"origin"):
            return False
        return self._is_known(scope["path"])

    def _is_known(self, path: str) -> bool:
        """Whether the page needs this path, as the server decoded it."""
        if not path.startswith(_API_PREFIX):
            return _PAGE.fullmatch(path) is not None
        rest = path.removeprefix(_API_PREFIX)
        if rest.startswith(_FILE):
            return self._is_own_file(unquote(rest.removeprefix(_FILE)))
        return _API.fullmatch(rest) is not None

    def _is_own_file(self, name: str) -> bool:
        try:
            return Path(name).resolve().is_relative_to(self._files)
        except (OSError, ValueError):  # a NUL, or a loop of links
            return False


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"not for this page\n"})
