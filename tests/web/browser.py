# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium where selenium, browser and driver are installed; elsewhere a test that needs it is skipped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,1000"
)


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """A browser with an empty profile that saves downloads in ``folder / "saved"``."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with its chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS.split(), f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "saved")})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def addresses(browser: Any) -> list[tuple[str, int]]:
    """(address, status) of every request of pages since the last call; status 0 where no answer came."""
    asked: dict[str, tuple[str, int]] = {}
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        params = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            asked[params["requestId"]] = (params["request"]["url"], 0)
        elif message["method"] == "Network.responseReceived" and params["requestId"] in asked:
            asked[params["requestId"]] = (asked[params["requestId"]][0], params["response"]["status"])
    return [(url, status) for url, status in asked.values() if url.startswith(("http", "ws"))]
