# SPDX-License-Identifier: Apache-2.0
"""One page that says what a run is worth: results, pictures and a run folder enter, one HTML file leaves."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.evaluation.history import read_history
from leadline.evaluation.report_curves import charts
from leadline.evaluation.report_pictures import ReportPicture
from leadline.evaluation.report_style import STYLE
from leadline.evaluation.report_tables import cards, metrics_table, pairs_table, rows_table
from leadline.evaluation.results import EvaluationResult, rounded
from leadline.rasters.atomic import atomically

REPORT, HISTORY, CONFIG = "report.html", "metrics.jsonl", "config.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportContents:
    """What a report shows beside the run folder's own curves and configuration.

    Attributes:
        title: the page's heading.
        lead: a sentence or two below it.
        result: the model's numbers.
        baselines: name -> numbers of naive guesses on the same images.
        pictures: rows of RGB | truth | prediction | error.
        facts: how it came about: command, machine, seed, duration, versions.
    """

    title: str
    result: EvaluationResult
    lead: str = ""
    baselines: Mapping[str, EvaluationResult] = field(default_factory=dict)
    pictures: Sequence[ReportPicture] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


def write_report(run_folder: Path, contents: ReportContents) -> Path:
    """Write ``report.html`` into the run folder; it needs no other file, no network and no script.

    Curves come from the folder's ``metrics.jsonl`` and the configuration from its ``config.toml``, where they exist.

    Returns:
        The path of the report.

    Raises:
        StorageError: the folder cannot be written.
        DataError: ``metrics.jsonl`` is damaged.
    """
    path = run_folder / REPORT
    text = report_html(contents, curves=charts(read_history(run_folder / HISTORY)), config=_text(run_folder / CONFIG))
    with atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def report_html(contents: ReportContents, *, curves: Sequence[str], config: str) -> str:
    """The page, from contents, charts (SVG) and the text of the configuration; empty parts are left out."""
    result, title = contents.result, escape(contents.title)
    sections = [
        f'<h1>{title}</h1><p class="lead">{escape(contents.lead)}</p>',
        cards(result, contents.baselines),
        _section("Pictures", _pictures(contents.pictures)),
        _section(
            "Curves", f'<div class="charts">{"".join(f"<figure>{one}</figure>" for one in curves)}</div>' if curves else ""
        ),
        _section("Metrics", _measured(result) + metrics_table(result, contents.baselines)),
        _section("Images that are hardest", _worst(result)),
        _section("Left out", _left_out(result)),
        _section("How it was measured", pairs_table(result.settings)),
        _section("How it came about", pairs_table(contents.facts) if contents.facts else ""),
        _section("Model", pairs_table(result.model) if result.model else ""),
        f"<details><summary>Configuration of the run</summary><pre>{escape(config)}</pre></details>" if config else "",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{''.join(sections)}</main></body></html>\n"
    )


def inline_png(pixels: NDArray[np.uint8]) -> str:
    """(H, W, 3) uint8 RGB -> ``data:`` address of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{heading}</h2>{body}</section>" if body else ""


def _pictures(pictures: Sequence[ReportPicture]) -> str:
    if not pictures:
        return ""
    figures = [
        f'<figure><img alt="{escape(one.caption, quote=True)}" src="{inline_png(one.pixels)}">'
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
        for one in pictures
    ]
    note = (
        '<p class="note">From left to right: picture, truth, prediction, absolute error. Truth and prediction share one '
        "colour scale; grey has no value.</p>"
    )
    return f'{note}<div class="pictures">{"".join(figures)}</div>'


def _measured(result: EvaluationResult) -> str:
    settings = result.settings
    text = (
        f"Protocol {result.protocol} on {result.dataset}: {result.images} images, {len(result.skipped)} left out. "
        f"Aggregation: {settings.get('aggregation')}; intervals are the central 95 % over resampled sets of images."
    )
    return f'<p class="note">{escape(text)}</p>'


def _worst(result: EvaluationResult) -> str:
    rows = result.worst()
    names = [name for name in result.metrics if any(name in row.metrics for row in rows)][:5]
    body = [[row.key, *(rounded(row.metrics.get(name, float("nan"))) for name in names)] for row in rows]
    return rows_table(["image", *names], body) if rows else ""


def _left_out(result: EvaluationResult) -> str:
    rows = [[one.key, one.reason] for one in result.skipped]
    rows += [[key, f"{count} scored pixels without a usable prediction"] for key, count in result.missing_pixels.items()]
    return rows_table(["image", "why"], rows) if rows else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
