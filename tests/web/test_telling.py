# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

pytest.importorskip("gradio", reason="the extra app is not installed")

import gradio

from leadline.contracts.errors import UsageError
from leadline.web.telling import told


def test_told__a_mistake_is_one_escaped_line_and_a_defect_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def mistaken() -> None:
        raise UsageError(expected="a", got="<img src=x>", remedy="c")

    def full() -> None:
        raise MemoryError

    def broken() -> None:
        raise KeyError("secret")

    with pytest.raises(gradio.Error, match="expected a; got &lt;img src=x&gt;; c"):
        told(mistaken)()
    with pytest.raises(gradio.Error, match="out of memory"):
        told(full)()
    assert not caplog.records
    with pytest.raises(gradio.Error, match="a defect of ours, KeyError"):
        told(broken)()
    assert "secret" in caplog.text
