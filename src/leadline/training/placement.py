# SPDX-License-Identifier: Apache-2.0
"""Where and how precisely to compute: settings enter, a device and its autocast leave; batches are moved there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from leadline.data.batch_tensors import with_tensors
from leadline.inference.device import choose_device, choose_precision
from leadline.training.settings import EngineSettings

Part = TypeVar("Part")


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """A device and the precision of its networks.

    Attributes:
        device: one device of this process.
        autocast_dtype: bf16, or None for full precision.
    """

    device: torch.device
    autocast_dtype: torch.dtype | None = None

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which recipes step."""
        if self.autocast_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.autocast_dtype)


def choose_placement(settings: EngineSettings, local_rank: int = 0) -> Placement:
    """Resolve ``auto`` for device and precision.

    Raises:
        UsageError: the named device does not exist here.
    """
    device = choose_device(settings.device)
    if device.type == "cuda":
        device = torch.device("cuda", local_rank if device.index is None else device.index)
        torch.cuda.set_device(device)
    dtype = choose_precision("fp32" if settings.amp == "off" else settings.amp, device)
    return Placement(device=device, autocast_dtype=None if dtype is torch.float32 else dtype)


def moved(value: Part, device: torch.device) -> Part:
    """A batch, or any part of one, with its tensors on ``device``, of any shape; what is there already is not copied."""
    return with_tensors(value, lambda tensor: tensor.to(device, non_blocking=True))


@contextmanager
def repeatable(settings: EngineSettings, device: torch.device) -> Iterator[None]:
    """Deterministic kernels: always on the CPU, elsewhere where the settings ask for them."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic  # a module that hides its properties from type checkers
    fill = memory.fill_uninitialized_memory
    on_cpu = device.type == "cpu"
    if settings.deterministic and device.type == "cuda":
        # cuBLAS reads it when its first handle is made; https://docs.nvidia.com/cuda/cublas/#results-reproducibility
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(on_cpu or settings.deterministic, warn_only=on_cpu)
    memory.fill_uninitialized_memory = False  # a debugging aid that costs time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        memory.fill_uninitialized_memory = fill
