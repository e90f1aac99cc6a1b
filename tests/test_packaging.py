# SPDX-License-Identifier: Apache-2.0
"""What is shipped: licence, pins, targets, and nothing of the machine it was made on."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_readme__names_only_rooms_and_files_that_there_are() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").split("```\nsrc/leadline/\n")[1].split("```")[0]
    rooms = {path.name for path in (ROOT / "src/leadline").iterdir() if path.is_dir() and not path.name.startswith("_")}
    named: dict[str, list[str]] = {}
    for line in tree.splitlines():
        if line[2] != " ":
            room = line.split("/")[0].strip()
            named[room] = []
            continue
        for word in line.split():
            folder, _, inside = word.rstrip("}").partition("{")
            named[room] += [folder + one for one in inside.split(",")]
    assert named.keys() == rooms
    for room, files in named.items():
        for file in files:
            path = ROOT / "src/leadline" / room / file
            assert path.is_dir() or path.with_suffix(".py").is_file() or path.with_suffix(".toml").is_file(), path


def pins() -> dict[str, str]:
    """Normalised name -> pinned version of every line of constraints.txt."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    found = {}
    for line in lines:
        name, equals, version = line.partition("==")
        assert equals, f"not a pin: {line}"
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def name_of(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def tracked_text_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def test_core__has_at_most_ten_direct_dependencies() -> None:
    assert len(PROJECT["dependencies"]) <= 10


def test_constraints__pin_every_dependency_and_extra_to_a_version_that_satisfies_it() -> None:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in (line for group in groups for line in group if not line.startswith("leadline[")):
        lowest = re.search(r">=\s*([\d.]+)", requirement)
        assert lowest, requirement
        pinned = pins()[name_of(requirement)]
        assert [int(part) for part in re.findall(r"\d+", pinned)[:3]] >= [int(part) for part in lowest[1].split(".")]


def test_constraints__name_no_host_no_path_and_not_ourselves() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "@" not in text
    assert "-e " not in text
    assert "leadline" not in pins()
    assert not any("+" in version for version in pins().values())  # local versions such as 2.15.0+cpu are not on PyPI


def test_licence__is_apache_2_and_the_package_says_so() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"


@pytest.mark.parametrize("target", ["demo", "demo-short", "test", "fast", "lint"])
def test_makefile__sets_everything_up_before_each_target(target: str) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = said.splitlines()
    install = next(index for index, line in enumerate(lines) if "pip install" in line)
    assert any("-m venv .venv" in line for line in lines[:install])
    assert "-c constraints.txt" in lines[install]
    assert len(lines) > install + 1


def test_makefile__runs_every_gate_in_make_test_and_pytest_last() -> None:
    said = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    commands = [line for line in said.splitlines() if line.startswith(".venv/bin/") and "pip install" not in line]
    gates = ("ruff check", "ruff format --check", "mypy", "lint-imports", "python -m pytest")
    assert len(commands) == len(gates)
    assert all(gate in command for gate, command in zip(gates, commands, strict=True))


def test_ci__calls_the_tests_and_then_a_short_demo() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in script
    assert script.index("make test") < script.index("make demo-short")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_version__is_the_same_in_package_and_metadata() -> None:
    import leadline

    assert leadline.__version__ == PROJECT["version"] == metadata.version("leadline")


def test_no_tracked_file__names_a_folder_of_some_machine() -> None:
    machine = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+|Users/[a-z]+)/")
    here = Path(__file__).resolve()
    guilty = [
        str(path.relative_to(ROOT))
        for path in tracked_text_files()
        if path.resolve() != here and machine.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert guilty == []
