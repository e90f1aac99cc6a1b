# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadline.contracts.errors import UsageError
from tests.labelling.toys import request_for


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_size": 0}, "--batch-size"),
        ({"threads": 0}, "--threads"),
        ({"workers": -1}, "--workers"),
        ({"min_valid": 1.5}, "--min-valid"),
        ({"min_valid": float("nan")}, "--min-valid"),
        ({"address": "auto"}, "--executor ray"),
        ({"workers": 2, "executor": "ray"}, "--executor local"),
    ],
)
def test_request__refuses_what_cannot_be_meant(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        request_for(Path("pictures"), Path("out"), **change)


def test_driver__needs_no_torch() -> None:
    modules = "leadline.labelling.run, leadline.labelling.executors.local, leadline.labelling.executors.cluster"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_request__keeps_labels_apart_from_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out beside the pictures"):
        request_for(tmp_path, tmp_path / "x" / "..")
