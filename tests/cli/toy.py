# SPDX-License-Identifier: Apache-2.0
"""A toy model on disk and a way to call the command line, for the tests of its verbs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from leadline.cli.main import main
from leadline.models.config import DepthModelConfig
from leadline.models.depth_model import DepthModel
from leadline.models.head_config import HeadConfig, SigmoidHeadConfig
from leadline.models.weights import save_model


@dataclass(frozen=True)
class Said:
    """What a command line answered."""

    status: int
    out: str
    err: str

    def mistake(self) -> str:
        """The one line of a user's mistake; fails where there is more or less."""
        assert self.status == 2, (self.status, self.err)
        lines = [line for line in self.err.splitlines() if line.startswith("leadline: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        return lines[0]


def say(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    """Run ``leadline WORDS``."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return Said(status, captured.out, captured.err)


def save_toy(folder: Path, head: HeadConfig | None = None) -> Path:
    """A model of a few thousand parameters; by default it predicts metres."""
    torch.manual_seed(0)
    save_model(folder, DepthModel(DepthModelConfig(encoder="dinov2-toy", head=head or SigmoidHeadConfig())))
    return folder
