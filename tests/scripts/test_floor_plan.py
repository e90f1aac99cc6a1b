# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import runpy
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_tree__is_what_the_files_say_of_themselves() -> None:
    script = runpy.run_path(str(PROJECT / "scripts" / "floor_plan.py"))
    assert (PROJECT / "docs" / "tree.md").read_text() == script["floor_plan"](), "run python scripts/floor_plan.py"


def test_tree__has_a_sentence_for_every_file() -> None:
    for line in (PROJECT / "docs" / "tree.md").read_text().splitlines():
        assert not line.startswith("- ") or line.endswith("."), line
