# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leadline.inference.predictor import Predictor
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import RelativeHeadConfig
from leadline.models.weights import load_model
from tests.cli.toy import save_toy
from tests.inference.stand_ins import noise
from tests.web.browser import addresses, chromium

pytest.importorskip("gradio", reason="the extra app is not installed")
_PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page over a metric and a relative toy model, in a process of its own that Ctrl-C must end cleanly."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "tmp").mkdir()
    models = [save_toy(folder / "metric"), save_toy(folder / "relative", RelativeHeadConfig())]
    port = free_port()
    words = ["app", *map(str, models), "--port", str(port), "--device", "cpu", "--max-megapixels", "0.5"]
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
         "from leadline.cli.main import run; run()", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"http://127.0.0.1:{port} "), (line, process.stderr and process.stderr.read())
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=_PATIENCE_S)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert not list((folder / "tmp").glob("leadline-app-*"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(url: str) -> int:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_serve__is_on_loopback_only_and_serves_no_file(address: str) -> None:
    assert status(address) == 200
    for path in ("/gradio_api/file=/etc/passwd", f"/gradio_api/file={__file__}", "/gradio_api/info", "/docs"):
        assert status(address + path) == 403, path
    port = int(address.rpartition(":")[2])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, family=socket.AF_INET)}
    for other in others - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((str(other), port), timeout=2)


@pytest.mark.slow
def test_serve__tells_a_port_in_use_in_one_line(address: str, tmp_path: Path) -> None:
    port = address.rpartition(":")[2]
    words = [sys.executable, "-m", "leadline", "app", str(save_toy(tmp_path)), "--port", port, "--device", "cpu"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    assert ended.returncode == 2, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("leadline: ")]
    assert f"port {port}, which is in use" in line
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_page__in_a_browser__picture_value_calibration_and_files(address: str, tmp_path: Path) -> None:
    Image.fromarray(noise(120, 160)).save(tmp_path / "room.png")
    with chromium(tmp_path) as browser:
        tab = Tab(browser)
        browser.get(address)
        tab.upload(tmp_path / "room.png")
        stage = tab.find(".leadline-view .stage")
        assert " m" in tab.find(".legend .ticks").text

        at = tab.hover(stage)
        tab.until(lambda: tab.find(".readout").text.endswith(" m"), "a value under the pointer")
        hovered = float(tab.find(".readout").text.removesuffix(" m"))
        at.click().perform()
        x, y, clicked = tab.clicked(near_x=80)
        assert clicked == pytest.approx(hovered, rel=0.01)

        saved = [
            tab.saved(tmp_path, form, ending) for form, ending in (("npy", ".npy"), ("png16", "_depth.png"), ("ply", ".ply"))
        ]
        depth = np.load(saved[0])
        assert (depth.shape, depth.dtype) == ((120, 160), np.float32)
        assert depth[y, x] == pytest.approx(clicked, rel=1e-3)

        for step, share in enumerate((0.25, 0.5, 0.75), start=1):
            stage = tab.find(".leadline-view .stage")
            tab.hover(stage, round((share - 0.5) * stage.size["width"])).click().perform()
            x, y, _ = tab.clicked(near_x=round(share * 160))
            tab.add(f"{2 * depth[y, x]:.6f}", step)
        assert not tab.find("#save-model").is_enabled()
        tab.find("#fit").click()
        tab.until(lambda: "3 points" in tab.find("#said").text, "a calibration")
        tab.until(lambda: tab.find("#save-model").is_enabled(), "the calibrated model")
        tab.find("#save-model").click()
        tab.until(lambda: list((tmp_path / "saved").glob("*_calibrated.zip")), "the download of the model")
        taken = taken_model(tmp_path)
        assert taken.config.calibration is not None
        again = Predictor(taken, device="cpu", precision="fp32").predict(tmp_path / "room.png").values
        np.testing.assert_allclose(again, 2 * depth, rtol=0.02)

        asked = addresses(browser)
        assert asked
        assert {url for url, _ in asked if not url.startswith(address)} == set()
        assert [url for url, code in asked if code >= 400] == []


@pytest.mark.slow
def test_page__in_a_browser__relative_models_and_refusals(address: str, tmp_path: Path) -> None:
    Image.fromarray(noise(60, 80)).save(tmp_path / "a.png")
    Image.new("RGB", (1000, 600)).save(tmp_path / "large.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with chromium(tmp_path) as browser:
        tab = Tab(browser)
        browser.get(address)
        for name, said in (("large.png", "at most 500000 pixels"), ("broken.png", "broken.png")):
            tab.send(tmp_path / name)
            tab.until(partial(tab.tells, said), f"a refusal with {said}")
            assert str(tmp_path) not in tab.toasts()
            assert "leadline-app" not in tab.toasts()
            browser.refresh()
        tab.upload(tmp_path / "a.png")
        tab.choose("Model", 1)
        tab.until(lambda: "(no unit)" in tab.find(".legend").text, "a map without unit")
        tab.until(lambda: tab.find("#save-npy").is_enabled(), "the array")
        assert not tab.find("#save-ply").is_enabled()
        assert not tab.find("#save-png16").is_enabled()


def taken_model(folder: Path) -> DepthModel:
    """What the downloaded zip file holds."""
    (path,) = (folder / "saved").glob("*_calibrated.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "taken")
    return load_model(folder / "taken" / path.stem)


class Tab:
    """What a person does on the page."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def find(self, selector: str) -> Any:
        self.until(lambda: self.browser.find_elements("css selector", selector), selector)
        return self.browser.find_element("css selector", selector)

    def until(self, holds: Callable[[], Any], what: str) -> None:
        from selenium.common.exceptions import StaleElementReferenceException

        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except StaleElementReferenceException:  # the page put a new one in its place
                pass
            time.sleep(0.1)
        pytest.fail(f"waited in vain for {what}; the page says: {self.browser.find_element('tag name', 'body').text[-500:]}")

    def send(self, path: Path) -> None:
        self.find("#picture input[type=file]").send_keys(str(path))

    def upload(self, path: Path) -> None:
        self.send(path)
        self.until(lambda: self.browser.find_elements("css selector", ".leadline-view .depth"), "the depth")

    def tells(self, line: str) -> bool:
        return line in self.toasts()

    def hover(self, element: Any, x: int = 0) -> Any:
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.browser).move_to_element_with_offset(element, x, 0)
        chain.perform()
        return chain

    def toasts(self) -> str:
        return " ".join(one.text for one in self.browser.find_elements("css selector", ".toast-body"))

    def saved(self, folder: Path, form: str, ending: str) -> Path:
        self.find(f"#save-{form}").click()
        path = folder / "saved" / f"room{ending}"
        self.until(path.is_file, f"the download {path.name}")
        return path

    def clicked(self, near_x: int) -> tuple[int, int, float]:
        """Column, row and value of the page's answer to a click in the middle row, to within a pixel of rounding."""
        self.until(lambda: abs(self.answer()[0] - near_x) <= 1, f"the value clicked near x {near_x}")
        assert abs(self.answer()[1] - 60) <= 1
        return self.answer()

    def answer(self) -> tuple[int, int, float]:
        found = re.fullmatch(r"x (\d+), y (\d+): ([\d.]+) m", self.find("#said").text)
        return (int(found[1]), int(found[2]), float(found[3])) if found else (-9, -9, 0.0)

    def add(self, metres: str, marks: int) -> None:
        if not self.browser.find_elements("css selector", "#metres input"):  # folded away, and then not there at all
            self.find("#known button").click()
        box = self.find("#metres input")
        box.clear()
        box.send_keys(metres)
        self.find("#add").click()
        self.until(lambda: len(self.browser.find_elements("css selector", ".mark")) == marks, "a new mark")

    def choose(self, label: str, index: int) -> None:
        self.find(f"input[aria-label='{label}']").click()
        self.find(f"ul[role=listbox] li:nth-child({index + 1})").click()
