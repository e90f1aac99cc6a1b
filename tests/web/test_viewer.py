# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

from leadline.web.view import view_html
from leadline.web.viewer import BEHAVIOUR, STYLE
from tests.web.pictures import shown


def test_viewer__every_class_it_styles_or_asks_for_is_in_the_view(tmp_path: Path) -> None:
    from leadline.web.known_points import KnownPoint

    view = view_html(shown(tmp_path), [KnownPoint(x_px=1, y_px=1, depth_m=1.0)])
    made = {name for names in re.findall(r'class="([^"]+)"', view) for name in names.split()}
    styled = set(re.findall(r"\.([a-z][a-z-]+)(?=[ :{.,])", re.sub(r"\{[^}]*\}", "{", STYLE)))
    asked = set(re.findall(r"'\.([a-z-]+)'", BEHAVIOUR))
    assert styled | asked <= made
    assert {"leadline-view", "stage", "slider", "numbers", "readout"} <= asked


def test_viewer__names_no_address() -> None:
    assert "http" not in STYLE + BEHAVIOUR
    assert "url(" not in STYLE
