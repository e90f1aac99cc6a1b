# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from leadline.cli.suggestions import did_you_mean, nearest


def test_nearest__finds_a_transposition_and_refuses_the_unlike() -> None:
    assert nearest("procedrual", ["nyu", "procedural"]) == "procedural"
    assert nearest("qqqq", ["nyu", "procedural"]) is None


def test_did_you_mean__lists_all_when_nothing_is_alike() -> None:
    assert did_you_mean("qqqq", ["nyu", "da2k"]) == "choose one of nyu, da2k"
