# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch

from leadline.contracts.camera import Camera


def test_camera__is_frozen_and_takes_its_matrix_by_name() -> None:
    camera = Camera(matrix=torch.eye(3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        camera.matrix = torch.zeros(3, 3)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Camera(torch.eye(3))  # type: ignore[call-arg]


def test_camera__comes_without_torch() -> None:
    check = "import sys, leadline.contracts.camera; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
