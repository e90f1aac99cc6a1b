# SPDX-License-Identifier: Apache-2.0
import csv
import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from leadline.ablation.statistics import Line
from leadline.ablation.tables import as_csv, as_latex, as_markdown, as_plot, write_tables


def line(variant: str, mean: float, *, group: str = "parts", metric: str = "abs_rel", minus: str = "") -> Line:
    low, high = mean - 0.01, mean + 0.02
    return Line(
        group=group,
        variant=variant,
        dataset="nyu",
        metric=metric,
        mean=mean,
        low=low,
        high=high,
        seeds=3,
        pictures=24,
        minus=minus,
    )


LINES = [
    line("labelled", 0.2),
    line("labelled", 0.7, metric="delta1"),
    line("+ unlabelled & more", 0.15),
    line("+ unlabelled & more", 0.8, metric="delta1"),
    line("margin 0.85", 0.1, group="margin"),
    line("margin 0.85", 0.9, group="margin", metric="delta1"),
]


def test_as_csv__every_line_is_a_row_with_its_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(LINES))))
    assert len(rows) == len(LINES)
    assert rows[2]["variant"] == "+ unlabelled & more"
    assert [float(rows[2][name]) for name in ("mean", "low", "high")] == [0.15, LINES[2].low, LINES[2].high]


def test_as_markdown__each_group_is_a_table_with_a_row_for_each_variant() -> None:
    text = as_markdown(LINES)
    assert "### parts\n\n| variant | nyu, AbsRel | nyu, δ1 |\n|" in text
    assert "| labelled | 0.2000 [0.1900, 0.2200] |" in text or "| labelled | 0.2 [0.19, 0.22] |" in text
    assert text.index("### parts") < text.index("### margin")
    assert text.rstrip().endswith(
        "Means over 3 seeds and 24 pictures; brackets: 95 % when seeds and pictures are drawn again."
    )


DIFFERENCES = [
    line("+ unlabelled & more", -0.05, minus="labelled"),
    line("+ unlabelled & more", 0.1, minus="labelled", metric="delta1"),
]


def test_as_markdown__differences_are_a_table_of_their_own_under_their_groups() -> None:
    text = as_markdown([*LINES[:4], *DIFFERENCES, *LINES[4:]])
    assert (
        "\n\n| minus labelled | nyu, AbsRel | nyu, δ1 |\n| --- | --- | --- |\n"
        "| + unlabelled & more | -0.050 [-0.060, -0.030] | +0.100 [+0.090, +0.120] |\n\n### margin" in text
    )
    assert text.count("### parts") == 1


def test_other_tables__differences_are_in_the_csv_alone() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([*LINES, *DIFFERENCES]))))
    assert [row["minus"] for row in rows] == [""] * 6 + ["labelled"] * 2
    assert as_latex([*LINES, *DIFFERENCES]) == as_latex(LINES)
    assert as_plot([*LINES, *DIFFERENCES], "abs_rel") == as_plot(LINES, "abs_rel")


def test_as_latex__is_a_booktabs_table_with_its_special_letters_escaped() -> None:
    text = as_latex(LINES)
    assert text.startswith(
        "\\begin{tabular}{lcc}\n\\toprule\nvariant & nyu, AbsRel $\\downarrow$ & nyu, $\\delta_1\\uparrow$"
    )
    assert "+ unlabelled \\& more & 0.150 {\\scriptsize [0.140, 0.170]} & 0.800" in text
    assert text.count("\\midrule") == 2
    assert text.endswith("\\bottomrule\n\\end{tabular}\n")


def test_as_plot__is_an_svg_with_a_mark_and_an_interval_for_each_variant() -> None:
    root = ET.fromstring(as_plot(LINES, "abs_rel"))
    circles = root.findall("{*}circle")
    bars = root.findall("{*}line")
    assert len(circles) == len(bars) == 3
    places = [float(one.attrib["cx"]) for one in circles]
    assert places == sorted(places, reverse=True)  # 0.2, 0.15, 0.1
    for circle, bar in zip(circles, bars, strict=True):
        assert float(bar.attrib["x1"]) < float(circle.attrib["cx"]) < float(bar.attrib["x2"])
    assert "parts: + unlabelled & more" in [one.text for one in root.findall("{*}text")]


def test_as_plot__round_numbers_stand_under_the_places_that_they_are_at() -> None:
    root = ET.fromstring(as_plot(LINES, "abs_rel"))
    numbers = {one.text: float(one.attrib["x"]) for one in root.findall("{*}text") if one.attrib["text-anchor"] == "middle"}
    places = [float(one.attrib["cx"]) for one in root.findall("{*}circle")]
    assert [numbers["0.2"], numbers["0.1"]] == pytest.approx([places[0], places[2]])
    strokes = [float(one.attrib["d"].split()[0][1:]) for one in root.findall("{*}path")]
    assert strokes == pytest.approx(list(numbers.values()))


def test_as_plot__numbers_that_are_all_alike_do_not_divide_by_their_width() -> None:
    same = Line(group="g", variant="v", dataset="d", metric="abs_rel", mean=1.0, low=1.0, high=1.0, seeds=1, pictures=1)
    ET.fromstring(as_plot([same], "abs_rel"))


def test_write_tables__writes_each_file_whole(tmp_path: Path) -> None:
    files = write_tables(LINES, tmp_path)
    assert sorted(file.name for file in files) == [
        "ablation.csv",
        "ablation.md",
        "ablation.tex",
        "plot-abs_rel.svg",
        "plot-delta1.svg",
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in files)
    assert all(file.stat().st_size for file in files)
