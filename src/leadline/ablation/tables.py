# SPDX-License-Identifier: Apache-2.0
"""Lines of an ablation enter; CSV, Markdown, LaTeX and a plot with intervals leave, each file written whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from leadline.ablation.statistics import MEAN
from leadline.evaluation.results import rounded
from leadline.rasters.atomic import atomically
from leadline.rasters.colour import tick_values
from leadline.recipes.staged.comparison import shown_name

if TYPE_CHECKING:
    from leadline.ablation.statistics import Line

TITLES = {"abs_rel": "AbsRel", "delta1": "δ1"}
BETTER = {"abs_rel": "lower is better", "delta1": "higher is better"}
_LATEX = {"abs_rel": r"AbsRel $\downarrow$", "delta1": r"$\delta_1\uparrow$"}
_ROW_PX, _LEFT_PX, _WIDTH_PX, _TOP_PX = 22, 250, 820, 44


def write_tables(lines: Sequence[Line], folder: Path) -> list[Path]:
    """``ablation.csv``, ``.md``, ``.tex`` and one ``plot-METRIC.svg`` per metric, in ``folder``.

    Raises:
        StorageError: the folder cannot be written.
    """
    files = {"ablation.csv": as_csv(lines), "ablation.md": as_markdown(lines), "ablation.tex": as_latex(lines)}
    files |= {f"plot-{metric}.svg": as_plot(lines, metric) for metric in dict.fromkeys(one.metric for one in lines)}
    for name, text in files.items():
        with atomically(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def as_csv(lines: Sequence[Line]) -> str:
    """One row for each variant, dataset and metric."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(asdict(lines[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in lines)
    return text.getvalue()


def as_markdown(lines: Sequence[Line]) -> str:
    """Two tables per group: a row per variant, a column per dataset and metric, and their mean over the datasets.

    The second has the differences from the group's first variant; a group of one has none.
    """
    blocks = []
    for group, minus in dict.fromkeys((one.group, one.minus) for one in lines):
        rows, columns = _grid([one for one in lines if (one.group, one.minus) == (group, minus)])
        first = f"minus {minus}" if minus else "variant"
        heads = [first, *(f"{shown_name(dataset)}, {TITLES[metric]}" for dataset, metric in columns)]
        body = [[name, *(_cell(cells.get(column)) for column in columns)] for name, cells in rows.items()]
        marks = ["---"] * len(heads)
        title = [] if minus else [f"### {group}", ""]
        blocks.append("\n".join([*title, *(f"| {' | '.join(row)} |" for row in [heads, marks, *body])]))
    return "\n\n".join([*blocks, _legend(lines)]) + "\n"


def as_latex(lines: Sequence[Line]) -> str:
    """One ``tabular`` with a rule between groups, for booktabs; of the variants themselves, not of their differences."""
    lines = [one for one in lines if not one.minus]
    _, columns = _grid(lines)
    heads = [f"{_tex(shown_name(dataset))}, {_LATEX[metric]}" for dataset, metric in columns]
    body = []
    for group in dict.fromkeys(one.group for one in lines):
        rows, _ = _grid([one for one in lines if one.group == group])
        body.append(r"\midrule")
        for name, cells in rows.items():
            found = [cells.get(column) for column in columns]
            texts = [f"{one.mean:.3f} {{\\scriptsize [{one.low:.3f}, {one.high:.3f}]}}" if one else "--" for one in found]
            body.append(f"{_tex(name)} & {' & '.join(texts)} \\\\")
    top = [f"\\begin{{tabular}}{{l{'c' * len(columns)}}}", r"\toprule", f"variant & {' & '.join(heads)} \\\\"]
    return "\n".join([*top, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def as_plot(lines: Sequence[Line], metric: str) -> str:
    """Means and intervals of one metric over one another, a panel per dataset, as SVG; differences are left out."""
    shown = [one for one in lines if one.metric == metric and not one.minus]
    datasets = list(dict.fromkeys(one.dataset for one in shown))
    names = list(dict.fromkeys((one.group, one.variant) for one in shown))
    low, high = min(one.low for one in shown), max(one.high for one in shown)
    panel = (_WIDTH_PX - _LEFT_PX) / len(datasets)
    scale = (panel - 40) / max(high - low, 1e-9)
    foot = _TOP_PX + _ROW_PX * len(names)
    parts = [_text(8, 16, f"{TITLES[metric]}, {BETTER[metric]}; 95 % over seeds and pictures", weight=600)]
    parts += [_text(8, _middle(row) + 4, f"{group}: {name}") for row, (group, name) in enumerate(names)]
    for column, dataset in enumerate(datasets):
        left = _LEFT_PX + panel * column + 12
        parts.append(_text(left, _TOP_PX - 8, shown_name(dataset), weight=600))
        for value in tick_values(low, high, count=max(2, int(panel // 60))):
            x = left + (value - low) * scale
            parts.append(f'<path d="M{x:.1f} {_TOP_PX}V{foot}" stroke="#dddddd"/>')
            parts.append(_text(x, foot + 16, f"{value:g}", anchor="middle"))
        for one in shown:
            if one.dataset == dataset:
                y = _middle(names.index((one.group, one.variant)))
                ends = [left + (value - low) * scale for value in (one.low, one.mean, one.high)]
                parts.append(f'<line x1="{ends[0]:.1f}" x2="{ends[2]:.1f}" y1="{y}" y2="{y}" stroke="#2166ac"/>')
                parts.append(f'<circle cx="{ends[1]:.1f}" cy="{y}" r="3.5" fill="#2166ac"/>')
    size = f'width="{_WIDTH_PX}" height="{foot + 28}" viewBox="0 0 {_WIDTH_PX} {foot + 28}"'
    paper = f'<rect width="{_WIDTH_PX}" height="{foot + 28}" fill="white"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return f"{head}{paper}{''.join(parts)}</svg>\n"


def _middle(row: int) -> float:
    """Of a line of the plot, pixels from its top."""
    return _TOP_PX + _ROW_PX * (row + 0.5)


def _grid(lines: Sequence[Line]) -> tuple[dict[str, dict[tuple[str, str], Line]], list[tuple[str, str]]]:
    """Variant -> (dataset, metric) -> line, and the columns in order."""
    rows: dict[str, dict[tuple[str, str], Line]] = {}
    for one in lines:
        rows.setdefault(one.variant, {})[one.dataset, one.metric] = one
    return rows, list(dict.fromkeys((one.dataset, one.metric) for one in lines))


def _cell(line: Line | None) -> str:
    if line is None:
        return "–"
    if line.minus:
        return f"{line.mean:+.3f} [{line.low:+.3f}, {line.high:+.3f}]"
    return f"{rounded(line.mean)} [{rounded(line.low)}, {rounded(line.high)}]"


def _legend(lines: Sequence[Line]) -> str:
    seeds, pictures = lines[0].seeds, sorted({one.pictures for one in lines if one.dataset != MEAN})
    counted = " or ".join(map(str, pictures))
    drawn = f"{seeds} seeds" if seeds > 1 else "1 seed"
    return f"Means over {drawn} and {counted} pictures; brackets: 95 % when seeds and pictures are drawn again."


def _tex(text: str) -> str:
    return "".join("\\" + one if one in "&%$#_{}" else one for one in text)


def _text(x: float, y: float, text: str, *, weight: int = 400, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" text-anchor="{anchor}">{escape(text)}</text>'
