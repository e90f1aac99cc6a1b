# SPDX-License-Identifier: Apache-2.0
"""The source tree enters; docs/tree.md leaves: every file of every room with the sentence it says of itself.

Run ``python scripts/floor_plan.py`` to rewrite docs/tree.md.
"""

from __future__ import annotations

import ast
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src" / "leadline"
TREE = PROJECT / "docs" / "tree.md"

HEAD = """# Every file in one sentence

Written by `python scripts/floor_plan.py` from the first line of each file; a test keeps it true. Rooms import
downwards only: the order of the layers stands in `pyproject.toml`.
"""


def sentence(file: Path) -> str:
    """The first paragraph of a module's docstring on one line.

    >>> sentence(Path(__file__))
    'The source tree enters; docs/tree.md leaves: every file of every room with the sentence it says of itself.'
    """
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


def floor_plan() -> str:
    """The whole page."""
    folders: dict[Path, list[Path]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        if file.stat().st_size and file.name != "__main__.py":
            folders.setdefault(file.parent, []).append(file)
    lines = [HEAD]
    for folder in sorted(folders):
        lines += [f"## {folder.relative_to(SOURCE.parent)}/", ""]
        lines += [f"- `{file.stem}`: {sentence(file)}" for file in folders[folder]]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    TREE.write_text(floor_plan(), encoding="utf-8")
