# SPDX-License-Identifier: Apache-2.0
"""Suggestions for misspelt names."""

from __future__ import annotations

import subprocess
import sys

from leadline.contracts.suggestions import did_you_mean, nearest


def test_nearest__finds_a_transposition_and_refuses_the_unlike() -> None:
    assert nearest("procedrual", ["nyu", "procedural"]) == "procedural"
    assert nearest("qqqq", ["nyu", "procedural"]) is None


def test_did_you_mean__lists_all_when_nothing_is_alike() -> None:
    assert did_you_mean("qqqq", ["nyu", "da2k"]) == "choose one of nyu, da2k"


def test_did_you_mean__says_otherwise_only_when_nothing_is_alike() -> None:
    assert did_you_mean("qqqq", ["nyu", "da2k"], otherwise="leave it out") == "leave it out"
    assert did_you_mean("da2", ["nyu", "da2k"], otherwise="leave it out") == "did you mean da2k?"
    assert did_you_mean("anything", [], otherwise="leave it out") == "leave it out"


def test_suggestions__come_without_torch() -> None:
    check = "import sys, leadline.contracts.suggestions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
