# SPDX-License-Identifier: Apache-2.0
"""The style sheet: nothing from outside, light and dark, every colour that charts use."""

from leadline.evaluation.charts import COLOURS
from leadline.evaluation.report_style import STYLE


def test_style__needs_nothing_from_outside() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert STYLE.count("{") == STYLE.count("}")


def test_style__defines_every_series_colour_in_light_and_dark() -> None:
    light, dark = STYLE.split("prefers-color-scheme:dark")
    for index in range(COLOURS):
        assert f"--c{index}:#" in light
        assert f"--c{index}:#" in dark
