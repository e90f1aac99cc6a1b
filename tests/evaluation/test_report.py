# SPDX-License-Identifier: Apache-2.0
"""The report: one well-formed file that needs nothing else, shows what it was given and leaves out what is empty."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.contracts.errors import StorageError
from leadline.evaluation.catalog import find_protocol
from leadline.evaluation.evaluate import EvaluationSettings, evaluate
from leadline.evaluation.report import ReportContents, inline_png, write_report
from leadline.evaluation.report_pictures import ReportPicture
from tests.evaluation.toys import ToyPredictor, ToyScenes

VOID = {"meta", "img", "br", "circle", "path"}
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 60, 3), dtype=np.uint8)
RESULT = evaluate(
    ToyPredictor(change=lambda z: 1.2 * z),
    ToyScenes(empty=frozenset({2})),
    find_protocol("depth"),
    settings=EvaluationSettings(resamples=20),
)
FULL = ReportContents(
    title="Toy <run>",
    lead="A & B",
    result=RESULT,
    baselines={"constant": RESULT},
    pictures=[ReportPicture(caption='scene "0"', pixels=PIXELS)],
    facts={"command": "leadline demo --out runs/<x>", "seed": 0},
)


class Balance(HTMLParser):
    """Counts open elements and collects addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def run_folder(path: Path) -> Path:
    lines = [{"step": s, "epoch": 0, "Train/BatchLoss": 1 / (s + 1), "Val/D1": 0.1 * s} for s in range(5)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (path / "config.toml").write_text('encoder = "<vits>"\n')
    return path


def test_report__is_well_formed_and_needs_nothing_from_outside(tmp_path: Path) -> None:
    path = write_report(run_folder(tmp_path), FULL)
    text, parser = path.read_text(), Balance()
    parser.feed(re.sub(r"(<(?:path|circle)[^>]*)/>", r"\1>", text))
    assert parser.open == []
    assert parser.addresses
    assert all(address.startswith("data:image/png;base64,") for address in parser.addresses)
    assert "<script" not in text
    assert "http" not in text
    assert [entry.name for entry in tmp_path.iterdir() if "partial" in entry.name] == []


def test_report__shows_pictures_curves_numbers_and_origin(tmp_path: Path) -> None:
    text = write_report(run_folder(tmp_path), FULL).read_text()
    for word in (
        "Toy &lt;run&gt;",
        "A &amp; B",
        "leadline demo --out runs/&lt;x&gt;",
        "encoder = &quot;&lt;vits&gt;&quot;",
        "scene/002.png",
        "Validation D1",
        "Images that are hardest",
        "1 left out",
        "bilinear-corners",
    ):
        assert word in text, word
    encoded = re.findall(r"base64,([^\"]+)", text)[0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))), PIXELS)


def test_report__does_not_call_a_mean_of_pairs_a_mean_of_images(tmp_path: Path) -> None:
    pairs = replace(RESULT, settings={**RESULT.settings, "aggregation": "pair-mean"})
    text = write_report(tmp_path, ReportContents(title="T", result=pairs)).read_text()
    assert "Aggregation: pair-mean;" in text
    assert "Mean over images" not in text


def test_report__leaves_out_what_is_empty(tmp_path: Path) -> None:
    text = write_report(tmp_path, ReportContents(title="T", result=RESULT)).read_text()
    for heading in ("Pictures", "Curves", "How it came about", "Configuration"):
        assert f">{heading}" not in text
    assert ">Metrics<" in text


def test_report__into_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match=r"to write .*report\.html"):
        write_report(tmp_path / "run", ReportContents(title="T", result=RESULT))


def test_inline_png__is_lossless() -> None:
    decoded = Image.open(io.BytesIO(base64.b64decode(inline_png(PIXELS).split(",")[1])))
    assert np.array_equal(np.asarray(decoded), PIXELS)
