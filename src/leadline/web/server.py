# SPDX-License-Identifier: Apache-2.0
"""A shelf, limits and a port enter; the page is served on this machine only until Ctrl-C, and nothing of it stays behind."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.contracts.errors import MissingExtraError, UsageError
from leadline.web.guard import Guard
from leadline.web.limits import Limits, Work
from leadline.web.viewer import STYLE

if TYPE_CHECKING:
    import gradio as gr

    from leadline.web.shelf import Shelf

LOOPBACK = "127.0.0.1"
_FONTS = ("system-ui", "sans-serif")  # of the machine: the theme's own would be fetched from the network
# Read by gradio when it is imported: neither telemetry nor a tunnel, whatever the environment says.
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SHARE": "False", "GRADIO_SSR_MODE": "False"}
_STYLE = ".hint { text-align: center; padding: 18vh 0; opacity: .6; } footer { display: none !important; }"


def serve(shelf: Shelf, limits: Limits, *, port: int, on_ready: Callable[[str], None], stop: threading.Event) -> None:
    """Serve until ``stop`` is set or Ctrl-C, which passes through after the server has closed.

    Args:
        shelf: at least one model.
        limits: of each picture.
        port: of the loopback interface.
        on_ready: told the page's address.
        stop: set it to end from another thread.

    Raises:
        UsageError: the port is taken.
        MissingExtraError: gradio is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="leadline-app-") as folder:
        _set_up(Path(folder))
        require_gradio()
        work = Work()
        page, address = _launch(shelf, limits, Path(folder), port, work)
        try:
            on_ready(address)
            while not stop.wait(0.2):
                pass
        finally:
            page.close(verbose=False)
            work.end()


def require_gradio() -> None:
    """Refuse where gradio is not there.

    Raises:
        MissingExtraError: it is not installed.
    """
    import importlib.util

    if importlib.util.find_spec("gradio") is None:
        raise MissingExtraError(expected="the package gradio", got="no such package", remedy="pip install 'leadline[app]'")


def _set_up(folder: Path) -> None:
    os.environ.update(_QUIET)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    bypassed = os.environ.get("NO_PROXY", os.environ.get("no_proxy", ""))
    if LOOPBACK not in bypassed:  # gradio asks its own server whether it is up, and a proxy could not
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, [bypassed, LOOPBACK, "localhost"]))


def _launch(shelf: Shelf, limits: Limits, folder: Path, port: int, work: Work) -> tuple[gr.Blocks, str]:
    from starlette.middleware import Middleware

    from leadline.web.page import build_page

    page = build_page(shelf, limits, folder, work)
    try:
        page.launch(
            server_name=LOOPBACK,
            server_port=port,
            share=False,
            inbrowser=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=False,
            allowed_paths=[],
            blocked_paths=[str(Path.home()), str(Path.cwd())],
            max_file_size=limits.file_mb * 1_000_000,
            state_session_capacity=4,
            enable_monitoring=False,
            run_history=False,
            ssr_mode=False,
            mcp_server=False,
            footer_links=[],
            theme=_theme(),
            css=STYLE + _STYLE,
            app_kwargs={
                "middleware": [Middleware(Guard, files=folder)],
                "docs_url": None,
                "redoc_url": None,
                "openapi_url": None,
            },
        )
    except OSError as error:
        raise UsageError(
            expected=f"a free port on {LOOPBACK}", got=f"port {port}, which is in use", remedy="choose another --port"
        ) from error
    return page, f"http://{LOOPBACK}:{port}"


def _theme() -> gr.themes.Default:
    """Gradio's own, with the machine's fonts and the small print dark enough to read."""
    import gradio as gr

    theme = gr.themes.Default(font=_FONTS, font_mono=("ui-monospace", "monospace"))
    theme.set(block_info_text_color="*neutral_500")
    return theme
