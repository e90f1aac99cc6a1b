# SPDX-License-Identifier: Apache-2.0
"""Shared flags of a toy ablation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from leadline.ablation.config import AblationConfig
from tests.recipes.staged.toy import staged, write_teacher, write_weights


def toy_ablation(tmp_path: Path, **changes: Any) -> AblationConfig:
    """Cells of a few steps each, with a teacher that is given."""
    shared = staged(
        AblationConfig,
        tmp_path,
        teacher_model=write_teacher(tmp_path / "teacher"),
        pretrained_checkpoint=write_weights(tmp_path / "encoder.safetensors"),
        guide_epochs=1,
        guide_batch_size=2,
        feature_target="dino-rgb",
    )
    return dataclasses.replace(shared, **{"out": tmp_path / "table", "seeds": (0, 1), **changes})
