# SPDX-License-Identifier: Apache-2.0
"""The package run as a program is the command, exit status included."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version


def run_module(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "leadline", *argv], capture_output=True, text=True, check=False)


def test_python_m_leadline__says_its_version() -> None:
    done = run_module("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"leadline {version('leadline')}\n", "")


def test_python_m_leadline__hands_on_the_status_of_a_users_mistake() -> None:
    done = run_module("evalaute")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("leadline: expected one of")
